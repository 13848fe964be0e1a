/// What may stand after `is`.
enum Tests {
    typealias Body = @Sendable (Value, Arguments) throws -> Bool

    static let table: [String: Body] = [
        "defined": { value, _ in !value.isUndefined },
        "undefined": { value, _ in value.isUndefined },
        "none": { value, _ in
            if case .none = value { true } else { false }
        },
        "boolean": { value, _ in
            if case .bool = value { true } else { false }
        },
        "true": { value, _ in
            if case .bool(true) = value { true } else { false }
        },
        "false": { value, _ in
            if case .bool(false) = value { true } else { false }
        },
        "integer": { value, _ in
            if case .integer = value { true } else { false }
        },
        "float": { value, _ in
            if case .float = value { true } else { false }
        },
        "number": { value, _ in value.number != nil },
        "string": { value, _ in
            if case .string = value { true } else { false }
        },
        "mapping": { value, _ in
            if case .dictionary = value { true } else { false }
        },
        "sequence": { value, _ in
            switch value {
            case .string, .list, .tuple, .dictionary, .range, .undefined: true
            default: false
            }
        },
        "iterable": { value, _ in
            switch value {
            case .string, .list, .tuple, .dictionary, .range, .undefined, .loop: true
            default: false
            }
        },
        "callable": { value, _ in
            switch value {
            case .function, .macro, .loop: true
            default: false
            }
        },
        "odd": { value, _ in try whole(value) % 2 != 0 },
        "even": { value, _ in try whole(value) % 2 == 0 },
        "divisibleby": { value, arguments in
            let divisor = try whole(argument(arguments))
            guard divisor != 0 else { throw TemplateError.type("integer modulo by zero") }
            return try whole(value) % divisor == 0
        },
        "lower": { value, _ in value.text == value.text.lowercased() && value.text != value.text.uppercased() },
        "upper": { value, _ in value.text == value.text.uppercased() && value.text != value.text.lowercased() },
        "in": { value, arguments in try value.isContained(in: argument(arguments)) },
        "sameas": { value, arguments in
            let other = try argument(arguments)
            return value.typeName == other.typeName && value.equals(other)
        },
        "filter": { value, _ in Filters.table[value.text] != nil },
        "test": { value, _ in isTest(value.text) },
        "escaped": { _, _ in false },
        "eq": equal, "equalto": equal, "==": equal,
        "ne": { value, arguments in try !equal(value, arguments) }, "!=": { try !equal($0, $1) },
        "lt": less, "lessthan": less, "<": less,
        "gt": greater, "greaterthan": greater, ">": greater,
        "le": { try !greater($0, $1) }, "<=": { try !greater($0, $1) },
        "ge": { try !less($0, $1) }, ">=": { try !less($0, $1) },
    ]

    private static let equal: Body = { try $0.equals(argument($1)) }
    private static let less: Body = { try $0.isLess(than: argument($1)) }
    private static let greater: Body = { try argument($1).isLess(than: $0) }

    /// Apart from the table, whose own initial value cannot name it.
    private static func isTest(_ name: String) -> Bool { table[name] != nil }

    private static func argument(_ arguments: Arguments) throws -> Value {
        guard let value = arguments.positional.first else { throw TemplateError.type("a test misses its argument") }
        return value
    }

    private static func whole(_ value: Value) throws -> Int {
        guard let integer = value.integer else {
            throw TemplateError.type("an integer is expected, not '\(value.typeName)'")
        }
        return integer
    }
}
