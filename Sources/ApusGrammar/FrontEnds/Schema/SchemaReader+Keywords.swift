import ApusJSON

/// The keywords of JSON Schema.
extension SchemaReader {
    /// Say nothing about which values obey. `nullable` is OpenAPI's: without it fewer values obey.
    private static let annotations: Set<String> = [
        "title", "description", "default", "examples", "example", "$comment", "$schema", "$id", "id", "$anchor",
        "$vocabulary", "$defs", "definitions", "deprecated", "readOnly", "writeOnly", "contentEncoding",
        "contentMediaType", "contentSchema", "discriminator", "externalDocs", "xml", "nullable",
    ]

    static func isAnnotation(_ keyword: String) -> Bool { annotations.contains(keyword) || keyword.hasPrefix("x-") }

    /// Merges a schema into `shape`, and what leaves a choice into `choices`.
    mutating func read(
        _ schema: Subschema, _ shape: inout SchemaShape, _ choices: inout [Choice], references: Set<Subschema> = []
    ) throws(GrammarError) {
        try spend()
        switch schema.value {
        case .bool(true): return
        case .bool(false): return shape.types = []
        case .object(let members):
            for member in members where !Self.isAnnotation(member.key) {
                guard let inner = schema[member.key] else { continue }
                if try readValue(member.key, inner, &shape) { continue }
                if try readArray(member.key, inner, schema, &shape) { continue }
                if try readObject(member.key, inner, schema, &shape, &choices) { continue }
                if try readChoice(member.key, inner, schema, &choices) { continue }
                switch member.key {
                case "$ref":
                    let target = try document.resolve(try inner.string())
                    guard !references.contains(target) else {
                        throw .invalid("\(inner.place): $ref that leads back to itself")
                    }
                    try read(target, &shape, &choices, references: references.union([target]))
                case "allOf":
                    for part in try inner.list() { try read(part, &shape, &choices, references: references) }
                default: throw .invalid("unsupported keyword '\(member.key)' at \(schema.place)")
                }
            }
        default: throw .invalid("\(schema.place): a schema is an object or a boolean")
        }
    }

    /// Keywords about single values; false: the keyword is another.
    private func readValue(
        _ keyword: String, _ inner: Subschema, _ shape: inout SchemaShape
    ) throws(GrammarError) -> Bool {
        switch keyword {
        case "type": shape.keep(try SchemaTypes(inner))
        case "const": shape.keep([inner.value])
        case "enum":
            let values = try inner.list().map(\.value)
            guard (shape.literals?.count ?? 0).multipliedReportingOverflow(by: values.count).partialValue <= 1_000_000
            else { throw .invalid("\(inner.place): enum beside another, and both too long") }
            shape.keep(values)
        case "minimum", "exclusiveMinimum":
            guard let bound = try bound(inner, isExclusive: keyword == "exclusiveMinimum") else { break }
            shape.number.raise(to: bound)
        case "maximum", "exclusiveMaximum":
            guard let bound = try bound(inner, isExclusive: keyword == "exclusiveMaximum") else { break }
            shape.number.reduce(to: bound)
        case "multipleOf": try divide(&shape.number, by: inner)
        case "minLength": shape.string.minimum = max(shape.string.minimum, try inner.count())
        case "maxLength": shape.string.maximum = min(shape.string.maximum ?? .max, try inner.count())
        case "pattern": shape.string.required.append(try StringPattern(searching: inner.string(), limit))
        case "format": try StringFormats.apply(try inner.string(), at: inner.place, to: &shape, limit)
        default: return false
        }
        return true
    }

    /// Draft 4 has booleans that make `minimum` exclusive.
    private func bound(_ schema: Subschema, isExclusive: Bool) throws(GrammarError) -> NumberBounds.Bound? {
        if isExclusive, let flag = schema.value.boolValue {
            guard flag else { return nil }
            throw .invalid("\(schema.place): draft 4's boolean; write the bound itself")
        }
        guard let value = DecimalNumber(schema.value) else { throw .invalid("\(schema.place): expected a number") }
        return NumberBounds.Bound(value: value, isExclusive: isExclusive)
    }

    private func divide(_ number: inout NumberBounds, by schema: Subschema) throws(GrammarError) {
        guard let divisor = DecimalNumber(schema.value), !divisor.isNegative, !divisor.isZero else {
            throw .invalid("\(schema.place): expected a number above 0")
        }
        guard divisor.isWhole, divisor.whole.count < 5 else {
            throw .invalid("\(schema.place): multipleOf other than a whole number below 10000")
        }
        let modulus = divisor.whole.reduce(0) { $0 * 10 + Int($1) }
        let known = number.modulus ?? 1
        var (a, b) = (known, modulus)
        while b != 0 { (a, b) = (b, a % b) }
        number.modulus = known / a * modulus
    }

    // MARK: Arrays

    private func readArray(
        _ keyword: String, _ inner: Subschema, _ schema: Subschema, _ shape: inout SchemaShape
    ) throws(GrammarError) -> Bool {
        switch keyword {
        case "minItems": shape.array.minimum = max(shape.array.minimum, try inner.count())
        case "maxItems": shape.array.maximum = min(shape.array.maximum ?? .max, try inner.count())
        case "uniqueItems":
            guard inner.value == false else {
                throw .invalid("unsupported keyword 'uniqueItems' at \(schema.place)")
            }
        case "prefixItems":
            let rest = schema["items"] ?? schema["unevaluatedItems"] ?? .anything
            shape.array.parts.append(.init(prefix: try inner.list(), rest: rest))
        case "items":
            guard schema["prefixItems"] == nil else { break }
            if inner.value.arrayValue != nil {
                // Drafts before 2020-12.
                let rest = schema["additionalItems"] ?? .anything
                shape.array.parts.append(.init(prefix: try inner.list(), rest: rest))
            } else {
                shape.array.parts.append(.init(prefix: [], rest: inner))
            }
        case "additionalItems": break
        case "unevaluatedItems":
            guard schema["prefixItems"] != nil || schema["items"] != nil else {
                throw .invalid("unsupported keyword 'unevaluatedItems' at \(schema.place)")
            }
        default: return false
        }
        return true
    }

    // MARK: Objects

    private func readObject(
        _ keyword: String, _ inner: Subschema, _ schema: Subschema, _ shape: inout SchemaShape,
        _ choices: inout [Choice]
    ) throws(GrammarError) -> Bool {
        switch keyword {
        case "properties": try shape.object.parts.append(objectPart(schema))
        case "patternProperties":
            if schema["properties"] == nil { try shape.object.parts.append(objectPart(schema)) }
        case "additionalProperties":
            if schema["properties"] == nil, schema["patternProperties"] == nil {
                try shape.object.parts.append(objectPart(schema))
            }
        case "required": for name in try inner.strings() { shape.object.required[name] = .null }
        case "minProperties": shape.object.minimum = max(shape.object.minimum, try inner.count())
        case "maxProperties": shape.object.maximum = min(shape.object.maximum ?? .max, try inner.count())
        case "propertyNames": shape.object.names.append(inner)
        case "unevaluatedProperties":
            guard shape.object.unevaluated == nil else {
                throw .invalid("unsupported keyword 'unevaluatedProperties' twice, at \(schema.place)")
            }
            shape.object.unevaluated = inner
        case "dependentRequired", "dependentSchemas", "dependencies":
            for member in try inner.members() {
                guard let dependent = inner[member.key] else { continue }
                let isList = dependent.value.arrayValue != nil
                choices.append(
                    .dependent(
                        member.key, names: isList ? try dependent.strings() : [], schema: isList ? nil : dependent))
            }
        default: return false
        }
        return true
    }

    private func objectPart(_ schema: Subschema) throws(GrammarError) -> ObjectBounds.Part {
        var part = ObjectBounds.Part(additional: schema["additionalProperties"])
        if let properties = schema["properties"] {
            part.properties = try properties.members()
            part.place = properties.place
        }
        if let patterns = schema["patternProperties"] {
            for member in try patterns.members() {
                guard let value = patterns[member.key] else { continue }
                part.patterns.append((try StringPattern(searching: member.key, limit), member.key, value))
            }
        }
        return part
    }

    // MARK: Choices

    private func readChoice(
        _ keyword: String, _ inner: Subschema, _ schema: Subschema, _ choices: inout [Choice]
    ) throws(GrammarError) -> Bool {
        switch keyword {
        case "anyOf": choices.append(.anyOf(try inner.list()))
        case "oneOf": choices.append(.oneOf(try inner.list()))
        case "not": choices.append(.not(inner))
        case "if":
            guard schema["then"] != nil || schema["else"] != nil else { break }
            choices.append(
                .condition(inner, then: schema["then"] ?? .anything, otherwise: schema["else"] ?? .anything))
        case "then", "else": break
        default: return false
        }
        return true
    }
}

/// Values of keywords.
extension Subschema {
    func string() throws(GrammarError) -> String {
        guard let text = value.stringValue else { throw .invalid("\(place): expected a string") }
        return text
    }

    func count() throws(GrammarError) -> Int {
        guard let number = DecimalNumber(value), number.isWhole, !number.isNegative, number.whole.count < 10 else {
            throw .invalid("\(place): expected a whole number from 0 to 999999999")
        }
        return number.whole.reduce(0) { $0 * 10 + Int($1) }
    }

    func list() throws(GrammarError) -> [Subschema] {
        guard let elements else { throw .invalid("\(place): expected an array") }
        return elements
    }

    func members() throws(GrammarError) -> JSONObject {
        guard let members = value.objectValue else { throw .invalid("\(place): expected an object") }
        return members
    }

    func strings() throws(GrammarError) -> [String] {
        var texts: [String] = []
        for element in try list() { texts.append(try element.string()) }
        return texts
    }
}
