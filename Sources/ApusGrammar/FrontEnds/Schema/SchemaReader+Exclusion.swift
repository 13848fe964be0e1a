import ApusJSON

/// What `not` and `oneOf` need: shapes apart from a schema.
extension SchemaReader {
    /// Alternatives for values of the shape that do not obey the schema: fewer than there are, where it cannot be told
    /// which those are; nil when that leaves none.
    mutating func excluding(
        _ schema: Subschema, from shape: SchemaShape
    ) throws(GrammarError) -> [SchemaShape]? {
        try spend()
        if let literals = shape.literals {
            var rest = shape
            var kept: [JSONValue] = []
            for value in literals where try !accepts(value, [schema], isWide: true) { kept.append(value) }
            rest.literals = kept
            return kept.isEmpty ? [] : [rest]
        }
        let members: JSONObject
        switch schema.value {
        case .bool(let isTrue): return isTrue ? [] : [shape]
        case .object(let object): members = object
        default: throw .invalid("\(schema.place): a schema is an object or a boolean")
        }
        var results: [SchemaShape] = []
        var isComplete = true
        for member in members where !Self.isAnnotation(member.key) {
            guard let inner = schema[member.key] else { continue }
            if let found = try violations(member.key, inner, shape) {
                results += found.filter { !$0.isEmpty }
            } else {
                isComplete = false
            }
        }
        return isComplete || !results.isEmpty ? results : nil
    }

    /// Alternatives for values that break this keyword; nil: cannot be said.
    private mutating func violations(
        _ keyword: String, _ inner: Subschema, _ shape: SchemaShape
    ) throws(GrammarError) -> [SchemaShape]? {
        var broken = shape
        switch keyword {
        case "type": broken.keep(SchemaTypes.all.subtracting(try SchemaTypes(inner)))
        case "const": broken.excluded.append(inner.value)
        case "enum": broken.excluded += try inner.list().map(\.value)
        case "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum":
            guard let value = DecimalNumber(inner.value) else { return nil }
            broken.keep(.number)
            let bound = NumberBounds.Bound(value: value, isExclusive: !keyword.hasPrefix("exclusive"))
            if keyword.hasSuffix("inimum") { broken.number.reduce(to: bound) } else { broken.number.raise(to: bound) }
        case "minLength":
            broken.keep(.string)
            guard try inner.count() > 0 else { return [] }
            broken.string.maximum = min(broken.string.maximum ?? .max, try inner.count() - 1)
        case "maxLength":
            broken.keep(.string)
            broken.string.minimum = max(broken.string.minimum, try inner.count() + 1)
        case "pattern":
            broken.keep(.string)
            broken.string.excluded.append(try StringPattern(searching: inner.string(), limit))
        case "minItems":
            broken.keep(.array)
            guard try inner.count() > 0 else { return [] }
            broken.array.maximum = min(broken.array.maximum ?? .max, try inner.count() - 1)
        case "maxItems":
            broken.keep(.array)
            broken.array.minimum = max(broken.array.minimum, try inner.count() + 1)
        case "required":
            return try inner.strings().map { name in
                var without = broken
                without.keep(.object)
                without.object.forbidden[name] = .null
                return without
            }
        case "properties":
            return try inner.members().map { member in
                var with = broken
                with.keep(.object)
                with.object.required[member.key] = .null
                with.object.parts.append(
                    .init(properties: [member.key: ["not": member.value]], place: inner.place + "/!"))
                return with
            }
        case "$ref": return try excluding(try document.resolve(try inner.string()), from: shape)
        case "allOf":
            var results: [SchemaShape] = []
            var isComplete = true
            for part in try inner.list() {
                if let found = try excluding(part, from: shape) { results += found } else { isComplete = false }
            }
            return isComplete || !results.isEmpty ? results : nil
        case "anyOf":
            var remaining = [shape]
            for part in try inner.list() {
                var next: [SchemaShape] = []
                for shape in remaining {
                    guard let found = try excluding(part, from: shape) else { return nil }
                    next += found
                }
                remaining = next
            }
            return remaining
        case "not":
            var choices: [Choice] = []
            try read(inner, &broken, &choices)
            return try resolve(broken, choices[...])
        default: return nil
        }
        return [broken]
    }

    // MARK: Overlap

    /// No value of the shape obeys the schema. Where that is so because the grammar leaves members out, the shape is
    /// sealed: what is merged into it later adds none.
    mutating func isSeparate(_ shape: inout SchemaShape, from schema: Subschema) throws(GrammarError) -> Bool {
        guard depth < 6 else { return false }
        depth += 1
        defer { depth -= 1 }
        if let literals = shape.literals {
            for value in literals where try accepts(value, [schema], isWide: true) { return false }
            return true
        }
        for other in try shapes(of: [schema]) {
            guard try isSeparate(&shape, from: other) else { return false }
        }
        return true
    }

    private mutating func isSeparate(
        _ shape: inout SchemaShape, from other: SchemaShape
    ) throws(GrammarError) -> Bool {
        if let literals = other.literals {
            for value in literals where try accepts(value, shape, isWide: true) { return false }
            return true
        }
        let types = shape.types.intersection(other.types)
        if !types.isDisjoint(with: [.null, .boolean]) { return false }
        if !types.isDisjoint(with: .number) {
            var number = shape.number
            if let lower = other.number.lower { number.raise(to: lower) }
            if let upper = other.number.upper { number.reduce(to: upper) }
            guard number.isEmpty else { return false }
        }
        if types.contains(.string) {
            guard !shape.string.isFree, !other.string.isFree else { return false }
            var string = shape.string
            string.minimum = max(string.minimum, other.string.minimum)
            string.maximum = min(string.maximum ?? .max, other.string.maximum ?? .max)
            if string.maximum == .max { string.maximum = nil }
            string.required += other.string.required
            string.excluded += other.string.excluded
            guard try string.language(isWide: true).automaton(limit).isEmpty else { return false }
        }
        if types.contains(.array) {
            guard try areSeparate(shape.array, other.array) else { return false }
        }
        if types.contains(.object) {
            guard try isSeparate(&shape.object, from: other.object) else { return false }
        }
        return true
    }

    private mutating func areSeparate(_ one: ArrayBounds, _ other: ArrayBounds) throws(GrammarError) -> Bool {
        let minimum = max(one.minimum, other.minimum)
        if minimum > min(one.maximum ?? .max, other.maximum ?? .max) { return true }
        for index in 0..<min(minimum, 4) where try shapes(of: one.element(index) + other.element(index)).isEmpty {
            return true
        }
        return false
    }

    private mutating func isSeparate(
        _ object: inout ObjectBounds, from other: ObjectBounds
    ) throws(GrammarError) -> Bool {
        if object.minimum > other.maximum ?? .max || other.minimum > object.maximum ?? .max { return true }
        let declared = JSONObject(object.declared.map { ($0, .null) })
        for name in other.required.keys where declared[name] == nil && object.isClosed {
            object.sealed = declared
            return true
        }
        for name in object.required.keys + other.required.keys {
            if object.required[name] != nil, other.forbidden[name] != nil { return true }
            if other.required[name] != nil, object.forbidden[name] != nil { return true }
            if try shapes(of: object.member(name) + other.member(name)).isEmpty { return true }
        }
        return false
    }
}
