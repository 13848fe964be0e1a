import ApusJSON

/// The types of JSON Schema; whole numbers are apart from the others.
struct SchemaTypes: OptionSet, Sendable, Hashable {
    let rawValue: UInt8

    static let null = SchemaTypes(rawValue: 1)
    static let boolean = SchemaTypes(rawValue: 2)
    static let integer = SchemaTypes(rawValue: 4)
    static let fraction = SchemaTypes(rawValue: 8)
    static let string = SchemaTypes(rawValue: 16)
    static let array = SchemaTypes(rawValue: 32)
    static let object = SchemaTypes(rawValue: 64)

    static let number: SchemaTypes = [.integer, .fraction]
    static let all = SchemaTypes(rawValue: 127)

    private static let names: [String: SchemaTypes] = [
        "null": .null, "boolean": .boolean, "integer": .integer, "number": .number, "string": .string, "array": .array,
        "object": .object,
    ]

    /// `type`: a name or a list of names.
    init(_ schema: Subschema) throws(GrammarError) {
        var types: SchemaTypes = []
        for name in schema.value.arrayValue ?? [schema.value] {
            guard let type = name.stringValue.flatMap({ Self.names[$0] }) else {
                throw .invalid("\(schema.place): \(name) is no type")
            }
            types.formUnion(type)
        }
        self = types
    }

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The type of a value; 1.0 is a whole number.
    init(of value: JSONValue) {
        switch value {
        case .null: self = .null
        case .bool: self = .boolean
        case .integer: self = .integer
        case .double(let number): self = number == number.rounded() ? .integer : .fraction
        case .string: self = .string
        case .array: self = .array
        case .object: self = .object
        }
    }
}

extension JSONValue {
    /// Equality as JSON Schema means it: 1 is 1.0.
    func isSame(as other: JSONValue) -> Bool {
        switch (self, other) {
        case (.array(let a), .array(let b)): a.count == b.count && zip(a, b).allSatisfy { $0.isSame(as: $1) }
        case (.object(let a), .object(let b)):
            a.count == b.count && a.allSatisfy { member in b[member.key].map { $0.isSame(as: member.value) } ?? false }
        case (.integer, .double), (.double, .integer): DecimalNumber(self) == DecimalNumber(other)
        default: self == other
        }
    }
}
