import ApusJSON

/// The members of `sampling_params`: one table drives the strict check of `/generate` and its messages.
enum SamplingFields {
    enum Kind: Sendable {
        case i64
        case f64
        case boolean
        case string
        case stringOrList
        case integers
        case map
        /// Its type is checked later, with a message of its own.
        case unchecked
    }

    struct Field: Sendable {
        let name: String
        let kind: Kind
    }

    /// In the order in which the message about an unknown field lists them.
    static let all: [Field] = [
        Field(name: "max_new_tokens", kind: .i64),
        Field(name: "stop", kind: .stringOrList),
        Field(name: "stop_token_ids", kind: .integers),
        Field(name: "stop_regex", kind: .stringOrList),
        Field(name: "temperature", kind: .f64),
        Field(name: "top_p", kind: .f64),
        Field(name: "top_k", kind: .i64),
        Field(name: "min_p", kind: .f64),
        Field(name: "frequency_penalty", kind: .f64),
        Field(name: "presence_penalty", kind: .f64),
        Field(name: "repetition_penalty", kind: .f64),
        Field(name: "min_new_tokens", kind: .i64),
        Field(name: "n", kind: .i64),
        Field(name: "json_schema", kind: .string),
        Field(name: "regex", kind: .string),
        Field(name: "ebnf", kind: .string),
        Field(name: "structural_tag", kind: .string),
        Field(name: "ignore_eos", kind: .boolean),
        Field(name: "skip_special_tokens", kind: .boolean),
        Field(name: "spaces_between_special_tokens", kind: .boolean),
        Field(name: "no_stop_trim", kind: .boolean),
        Field(name: "stream_interval", kind: .i64),
        Field(name: "logit_bias", kind: .map),
        Field(name: "sampling_seed", kind: .unchecked),
        Field(name: "custom_params", kind: .map),
        Field(name: "beam_width", kind: .i64),
        Field(name: "watermark", kind: .map),
        Field(name: "choice", kind: .unchecked),
    ]

    private static let kinds = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0.kind) })
    private static let names = all.map { "`\($0.name)`" }.joined(separator: ", ")

    /// Refuses unknown members and wrong types; null is always fine.
    static func check(_ object: JSONObject) throws(FrontError) {
        for member in object {
            guard let kind = kinds[member.key] else {
                throw .field("unknown field `\(member.key)`, expected one of \(names)")
            }
            if !member.value.isNull { try check(member.value, kind) }
        }
    }

    private static func check(_ value: JSONValue, _ kind: Kind) throws(FrontError) {
        switch (kind, value) {
        case (.i64, .integer), (.f64, .integer), (.f64, .double), (.boolean, .bool), (.string, .string),
            (.map, .object), (.stringOrList, .string), (.unchecked, _):
            return
        case (.i64, _): throw mismatch(value, "i64")
        case (.f64, _): throw mismatch(value, "f64")
        case (.boolean, _): throw mismatch(value, "a boolean")
        case (.string, _): throw mismatch(value, "a string")
        case (.map, _): throw mismatch(value, "a map")
        case (.stringOrList, .array(let elements)):
            for element in elements where element.stringValue == nil { throw mismatch(element, "a string") }
        case (.stringOrList, _): throw mismatch(value, "a value or an array of values for StringOrList")
        case (.integers, .array(let elements)):
            for element in elements where element.intValue == nil && !element.isNull {
                throw mismatch(element, "i64")
            }
        case (.integers, _): throw mismatch(value, "a sequence")
        }
    }

    /// The message names values as the contract's literals do.
    static func mismatch(_ value: JSONValue, _ expected: String) -> FrontError {
        let got =
            switch value {
            case .null: "null"
            case .bool: "boolean `\(value)`"
            case .integer: "integer `\(value)`"
            case .double: "floating point `\(value)`"
            case .string: "string \(value)"
            case .array: "sequence"
            case .object: "map"
            }
        return .field("invalid type: \(got), expected \(expected)")
    }
}
