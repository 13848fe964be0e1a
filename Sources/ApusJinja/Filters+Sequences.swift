extension Filters {
    static let sequences: [String: Body] = [
        "batch": { _, value, arguments in
            let size = try size(arguments)
            let items = try value.items()
            return .list(
                stride(from: 0, to: items.count, by: size).map { start in
                    var row = Array(items[start..<min(start + size, items.count)])
                    if let fill = arguments.value(1, "fill_with") { while row.count < size { row.append(fill) } }
                    return .list(row)
                })
        },
        "count": { _, value, _ in .integer(try value.count()) },
        "length": { _, value, _ in .integer(try value.count()) },
        "dictsort": { _, value, arguments in
            guard case .dictionary(let dictionary) = value else { throw TemplateError.type("dictsort needs a mapping") }
            let pairs = dictionary.entries.map { Value.tuple([.string($0.key), $0.value]) }
            let byValue = arguments.value(1, "by")?.text == "value"
            return .list(
                try sorted(
                    pairs, isCaseSensitive: arguments.value(0, "case_sensitive")?.isTrue ?? false,
                    isReversed: arguments.value(2, "reverse")?.isTrue ?? false
                ) { try $0.item(.integer(byValue ? 1 : 0)) })
        },
        "first": { _, value, _ in try value.items().first ?? .undefined("No first item, sequence was empty.") },
        "last": { _, value, _ in try value.items().last ?? .undefined("No last item, sequence was empty.") },
        "groupby": { _, value, arguments in
            let key = try getter(arguments.value(0, "attribute"), fallback: arguments.value(1, "default"))
            let items = try sorted(value.items(), isCaseSensitive: false, isReversed: false, by: key)
            var groups: [(Value, [Value])] = []
            for item in items {
                let group = try key(item)
                if groups.last?.0.equals(group) == true {
                    groups[groups.count - 1].1.append(item)
                } else {
                    groups.append((group, [item]))
                }
            }
            return .list(groups.map { .tuple([$0.0, .list($0.1)]) })
        },
        "items": { _, value, _ in
            if value.isUndefined { return .list([]) }
            guard case .dictionary(let dictionary) = value else {
                throw TemplateError.type("Can only get item pairs from a mapping.")
            }
            return .list(dictionary.entries.map { .tuple([.string($0.key), $0.value]) })
        },
        "join": { _, value, arguments in
            let separator = arguments.value(0, "d")?.text ?? ""
            let key = try arguments.value(1, "attribute").map { try getter($0) }
            return .string(try value.items().map { try key?($0).text ?? $0.text }.joined(separator: separator))
        },
        "list": { _, value, _ in .list(try value.items()) },
        "map": { interpreter, value, arguments in
            let items = try value.items()
            if let attribute = arguments.named.first(where: { $0.name == "attribute" })?.value {
                let fallback = arguments.named.first { $0.name == "default" }?.value
                return .list(try items.map(getter(attribute, fallback: fallback)))
            }
            guard let name = arguments.positional.first?.text else { throw TemplateError.type("map requires a filter") }
            let rest = Arguments(Array(arguments.positional.dropFirst()), named: arguments.named)
            return .list(try items.map { try interpreter.filter($0, name, rest) })
        },
        "max": { _, value, arguments in try extreme(value, arguments) { try $1.isLess(than: $0) } },
        "min": { _, value, arguments in try extreme(value, arguments) { try $0.isLess(than: $1) } },
        "reject": { .list(try selected($0, $1, $2, keeps: false, byAttribute: false)) },
        "rejectattr": { .list(try selected($0, $1, $2, keeps: false, byAttribute: true)) },
        "select": { .list(try selected($0, $1, $2, keeps: true, byAttribute: false)) },
        "selectattr": { .list(try selected($0, $1, $2, keeps: true, byAttribute: true)) },
        "reverse": { _, value, _ in
            if case .string(let text) = value { return .string(String(text.scalars.reversed())) }
            return .list(try value.items().reversed())
        },
        "slice": { _, value, arguments in
            let columns = try size(arguments)
            let items = try value.items()
            let (each, extra) = items.count.quotientAndRemainder(dividingBy: columns)
            var start = 0
            return .list(
                (0..<columns).map { column in
                    let end = start + each + (column < extra ? 1 : 0)
                    defer { start = end }
                    var row = Array(items[start..<end])
                    if let fill = arguments.value(1, "fill_with"), column >= extra, extra > 0 { row.append(fill) }
                    return .list(row)
                })
        },
        "sort": { _, value, arguments in
            let key = try arguments.value(2, "attribute").map { try getter($0) }
            return .list(
                try sorted(
                    value.items(), isCaseSensitive: arguments.value(1, "case_sensitive")?.isTrue ?? false,
                    isReversed: arguments.value(0, "reverse")?.isTrue ?? false, by: key ?? { $0 }))
        },
        "sum": { _, value, arguments in
            let key = try arguments.value(0, "attribute").map { try getter($0) }
            let items = try value.items().map { try key?($0) ?? $0 }
            let start = arguments.value(1, "start") ?? .integer(0)
            if let first = start.integer, items.allSatisfy({ $0.integer != nil }) {
                return .integer(items.reduce(first) { $0 &+ ($1.integer ?? 0) })
            }
            return .float(
                try items.reduce(start.number ?? 0) { sum, item in
                    guard let number = item.number else { throw TemplateError.type("sum needs numbers") }
                    return sum + number
                })
        },
        "unique": { _, value, arguments in
            let isCaseSensitive = arguments.value(0, "case_sensitive")?.isTrue ?? false
            let key = try arguments.value(1, "attribute").map { try getter($0) }
            var seen: [Value] = []
            return .list(
                try value.items().filter { item in
                    let mark = folded(try key?(item) ?? item, isCaseSensitive)
                    guard !seen.contains(where: { $0.equals(mark) }) else { return false }
                    seen.append(mark)
                    return true
                })
        },
    ]

    private static func size(_ arguments: Arguments) throws -> Int {
        guard let size = arguments.positional.first?.integer, size > 0 else {
            throw TemplateError.type("a positive size is expected")
        }
        return size
    }

    /// Reads `a.b.0` of an item.
    private static func getter(_ path: Value?, fallback: Value? = nil) throws -> (Value) throws -> Value {
        guard let path else { throw TemplateError.type("an attribute is expected") }
        let parts: [Value] = path.text.split(separator: ".", omittingEmptySubsequences: false).map { part in
            Int(part).map { .integer($0) } ?? .string(String(part))
        }
        return { item in
            let value = try parts.reduce(item) { try $0.item($1) }
            return value.isUndefined ? fallback ?? value : value
        }
    }

    private static func folded(_ value: Value, _ isCaseSensitive: Bool) -> Value {
        guard !isCaseSensitive, case .string(let text) = value else { return value }
        return .string(text.lowercased())
    }

    /// Stable, as Python's sort.
    private static func sorted(
        _ items: [Value], isCaseSensitive: Bool, isReversed: Bool, by key: (Value) throws -> Value
    ) throws -> [Value] {
        var keyed = try items.enumerated().map { (key: folded(try key($1), isCaseSensitive), index: $0, item: $1) }
        try keyed.sort { a, b in
            if try isReversed ? b.key.isLess(than: a.key) : a.key.isLess(than: b.key) { return true }
            if try isReversed ? a.key.isLess(than: b.key) : b.key.isLess(than: a.key) { return false }
            return a.index < b.index
        }
        return keyed.map(\.item)
    }

    private static func extreme(
        _ value: Value, _ arguments: Arguments, isBetter: (Value, Value) throws -> Bool
    ) throws -> Value {
        let isCaseSensitive = arguments.value(0, "case_sensitive")?.isTrue ?? false
        let key = try arguments.value(1, "attribute").map { try getter($0) }
        var best: (key: Value, item: Value)?
        for item in try value.items() {
            let mark = folded(try key?(item) ?? item, isCaseSensitive)
            if let current = best, try !isBetter(mark, current.key) { continue }
            best = (mark, item)
        }
        return best?.item ?? .undefined("No aggregated item, sequence was empty.")
    }

    private static func selected(
        _ interpreter: Interpreter, _ value: Value, _ arguments: Arguments, keeps: Bool, byAttribute: Bool
    ) throws -> [Value] {
        var rest = arguments.positional
        var key: (Value) throws -> Value = { $0 }
        if byAttribute {
            guard !rest.isEmpty else { throw TemplateError.type("an attribute is expected") }
            key = try getter(rest.removeFirst())
        }
        let test = rest.isEmpty ? nil : rest.removeFirst().text
        let inner = Arguments(rest, named: arguments.named)
        return try value.items().filter { item in
            let subject = try key(item)
            let holds = try test.map { try interpreter.test(subject, $0, inner) } ?? subject.isTrue
            return holds == keeps
        }
    }
}
