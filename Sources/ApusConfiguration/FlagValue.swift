package import ApusJSON

/// The value of a flag or environment variable, checked against its kind.
package enum FlagValue: Sendable, Hashable {
    case null
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    case list([String])

    /// As `/get_server_info` shows it.
    package var json: JSONValue {
        switch self {
        case .null: .null
        case .boolean(let value): .bool(value)
        case .integer(let value): JSONValue(value)
        case .number(let value): .double(value)
        case .text(let value): .string(value)
        case .list(let values): .array(values.map(JSONValue.string))
        }
    }

    /// As it would be written on a command line; empty for `.null`.
    package var commandLineText: String {
        switch self {
        case .null: ""
        case .boolean(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .text(let value): value
        case .list(let values): values.joined(separator: " ")
        }
    }
}
