import ApusJSON
import ApusRegex

/// Objects: declared members in their order, then others.
extension SchemaEmitter {
    /// One declared member.
    private struct Member {
        let text: GrammarExpression
        let isRequired: Bool
    }

    mutating func object(_ bounds: ObjectBounds) throws(GrammarError) -> GrammarExpression {
        if bounds.isFree { return try writer.anyObject() }
        var names: [String] = []
        var members: [Member] = []
        for name in try declared(bounds) {
            let isRequired = bounds.required[name] != nil
            guard try reader.accepts(.string(name), bounds.names) else {
                if isRequired { return .never }
                continue
            }
            let key = writer.literal(.string(name))
            let text = writer.member(key, try value(bounds.member(name)))
            names.append(name)
            members.append(Member(text: text, isRequired: isRequired))
        }
        let others = try bounds.isClosed ? .never : self.others(bounds, declared: names)
        let contents = try list(members, others, minimum: bounds.minimum, maximum: bounds.maximum)
        return writer.object(contents)
    }

    /// With the names that `propertyNames` lists, if it does, where members beyond the declared ones may be.
    private mutating func declared(_ bounds: ObjectBounds) throws(GrammarError) -> [String] {
        var names = JSONObject(bounds.declared.map { ($0, JSONValue.null) })
        if !bounds.isClosed, !bounds.names.isEmpty {
            let shapes = try reader.shapes(of: bounds.names)
            if shapes.allSatisfy({ $0.literals != nil }) {
                for literal in shapes.flatMap({ $0.literals ?? [] }) {
                    if let name = literal.stringValue, bounds.forbidden[name] == nil { names[name] = .null }
                }
            }
        }
        return names.keys
    }

    /// Members by the patterns that their names match: each combination has a schema of its own.
    private mutating func others(
        _ bounds: ObjectBounds, declared: [String]
    ) throws(GrammarError) -> GrammarExpression {
        var patterns: [String] = []
        var readings: [StringPattern] = []
        for (pattern, text, _) in bounds.parts.flatMap(\.patterns) where !patterns.contains(text) {
            patterns.append(text)
            readings.append(pattern)
        }
        guard patterns.count <= 4 else { throw .invalid("more than 4 patternProperties") }
        let taken = declared + bounds.forbidden.keys
        var branches: [GrammarExpression] = []
        for shape in try reader.shapes(of: bounds.names) where shape.types.contains(.string) && shape.literals == nil {
            for combination in 0..<(1 << patterns.count) {
                let chosen = patterns.indices.map { combination >> $0 & 1 == 1 }
                let schemas = bounds.others(matching: chosen, of: patterns)
                if schemas.contains(where: { $0.value == false }) { continue }
                var string = shape.string
                for (pattern, isChosen) in zip(readings, chosen) {
                    if isChosen { string.required.append(pattern) } else { string.excluded.append(pattern) }
                }
                let excluded = taken + shape.excluded.compactMap(\.stringValue)
                let name = try self.name(string, without: excluded)
                if case .never = name { continue }
                branches.append(writer.member(name, try value(schemas)))
            }
        }
        return .any(of: branches)
    }

    // MARK: Order and number

    /// The members between the braces, with commas.
    private mutating func list(
        _ members: [Member], _ others: GrammarExpression, minimum: Int, maximum: Int?
    ) throws(GrammarError) -> GrammarExpression {
        let needed = members.count { $0.isRequired }
        let hasOthers = others != .never
        guard maximum.map({ $0 >= needed }) ?? true, hasOthers || minimum <= members.count else { return .never }
        // Two members of one name are one: only declared members, and one other, are sure to be different.
        guard minimum <= members.count + 1 else {
            throw .invalid("minProperties above the number of properties named")
        }
        let counts = minimum > needed || maximum.map { $0 < members.count || hasOthers } ?? false
        guard counts else { return try uncounted(members, others) }
        return try counted(members, others, minimum: minimum, maximum: maximum)
    }

    private mutating func uncounted(
        _ members: [Member], _ others: GrammarExpression
    ) throws(GrammarError) -> GrammarExpression {
        let firstRequired = members.firstIndex { $0.isRequired } ?? members.count
        func following(_ member: Member) -> GrammarExpression {
            let text = GrammarExpression.joined([writer.comma, member.text])
            return member.isRequired ? text : .maybe(text)
        }
        // Nothing begins behind the first that is required: what follows it is one piece.
        let rest = members.dropFirst(firstRequired + 1)
        var tail = GrammarExpression.joined(
            rest.map(following) + [.repeated(.joined([writer.comma, others]), min: 0, max: nil)])
        if firstRequired > 0, !rest.isEmpty {
            let rule = try writer.declare("members")
            writer.define(rule, as: tail)
            tail = .rule(rule)
        }
        // tails[i]: what follows a member before `members[i]`, up to the one behind the first that is required.
        var tails = [tail]
        for (index, member) in members.enumerated().prefix(firstRequired + 1).reversed() {
            tail = .joined([following(member), tail])
            if index > 0 {
                // Several beginnings lead here.
                let rule = try writer.declare("members")
                writer.define(rule, as: tail)
                tail = .rule(rule)
            }
            tails.append(tail)
        }
        tails.reverse()
        var branches: [GrammarExpression] = []
        for (index, member) in members.enumerated() where index <= firstRequired {
            branches.append(.joined([member.text, tails[index + 1]]))
        }
        if firstRequired == members.count {
            branches.append(.joined([others, tails[members.count]]))
            branches.append(.empty)
        }
        return .any(of: branches)
    }

    /// The same where members are counted: one rule for each place and count.
    private mutating func counted(
        _ members: [Member], _ others: GrammarExpression, minimum: Int, maximum: Int?
    ) throws(GrammarError) -> GrammarExpression {
        // Beyond the minimum the count does not matter, unless there is a maximum.
        let most = maximum.map { min($0, members.count + 1) } ?? minimum
        var rows: [[GrammarExpression]] = []
        let ends = (0...most).map { count -> GrammarExpression in
            let comma = count > 0 ? writer.comma : .empty
            let room = maximum.map { $0 - count }
            let low = max(0, minimum - count)
            if low > 1 { return .never }
            if count > 0 { return .repeated(.joined([comma, others]), min: low, max: room) }
            let list = GrammarExpression.joined([
                others, .repeated(.joined([writer.comma, others]), min: max(0, low - 1), max: room.map { $0 - 1 }),
            ])
            return low > 0 ? list : .any(of: [room == 0 ? .never : list, .empty])
        }
        rows.append(ends)
        for member in members.reversed() {
            let after = rows[rows.count - 1]
            var row: [GrammarExpression] = []
            for count in 0...most {
                var branches: [GrammarExpression] = []
                let next = maximum == nil ? min(most, count + 1) : count + 1
                if next <= most, maximum.map({ count < $0 }) ?? true {
                    branches.append(.joined([count > 0 ? writer.comma : .empty, member.text, after[next]]))
                }
                if !member.isRequired { branches.append(after[count]) }
                let rule = try writer.declare("members")
                writer.define(rule, as: .any(of: branches))
                row.append(.rule(rule))
            }
            rows.append(row)
        }
        return rows[rows.count - 1][0]
    }
}
