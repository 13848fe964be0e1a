import ApusJSON

/// What a member of a request body may look like; null counts as absent everywhere.
enum FieldShape: Sendable {
    case any
    case bool
    case integer
    case number
    case string
    case object
    case stringOrList
    case integerOrList
    case boolOrList
    case objectOrList
    case integers
    case integersOrLists
    case array
    case strings
    case objects

    func matches(_ value: JSONValue) -> Bool {
        switch self {
        case .any: true
        case .bool: value.boolValue != nil
        case .integer: value.intValue != nil
        case .number: value.doubleValue != nil
        case .string: value.stringValue != nil
        case .object: value.objectValue != nil
        case .stringOrList: Self.single(value, or: .string)
        case .integerOrList: Self.single(value, or: .integer)
        case .boolOrList: Self.single(value, or: .bool)
        case .objectOrList: Self.single(value, or: .object)
        case .integers: Self.list(value, of: .integer)
        case .integersOrLists: Self.list(value, of: .integer) || Self.list(value, of: .integers)
        case .array: value.arrayValue != nil
        case .strings: Self.list(value, of: .string)
        case .objects: Self.list(value, of: .object)
        }
    }

    /// For messages: "expected …".
    var words: String {
        switch self {
        case .any: "any value"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .object: "an object"
        case .stringOrList: "a string or an array of strings"
        case .integerOrList: "an integer or an array of integers"
        case .boolOrList: "a boolean or an array of booleans"
        case .objectOrList: "an object or an array of objects"
        case .integers: "an array of integers"
        case .integersOrLists: "an array of integers or an array of arrays of integers"
        case .array: "an array"
        case .strings: "an array of strings"
        case .objects: "an array of objects"
        }
    }

    private static func single(_ value: JSONValue, or shape: FieldShape) -> Bool {
        shape.matches(value) || list(value, of: shape)
    }

    private static func list(_ value: JSONValue, of shape: FieldShape) -> Bool {
        guard let elements = value.arrayValue else { return false }
        return elements.allSatisfy(shape.matches)
    }
}

/// One row of a table of request fields.
struct FieldRule: Sendable {
    let name: String
    let shape: FieldShape
    let isRequired: Bool

    init(_ name: String, _ shape: FieldShape, isRequired: Bool = false) {
        self.name = name
        self.shape = shape
        self.isRequired = isRequired
    }
}

extension JSONObject {
    /// The first violation of the table, as the schema error names it. Unknown members are nobody's business.
    func check(_ rules: [FieldRule]) throws(FrontError) {
        for rule in rules {
            guard let value = given(rule.name) else {
                guard !rule.isRequired else { throw .schema("\(rule.name): the field is required") }
                continue
            }
            guard !rule.shape.matches(value) else { continue }
            let got = value.arrayValue == nil ? JSONBody.article(value.typeName) : "an array of other values"
            throw .schema("\(rule.name): expected \(rule.shape.words), got \(got)")
        }
    }

    /// The member, unless it is absent or null.
    func given(_ name: String) -> JSONValue? {
        guard let value = self[name], !value.isNull else { return nil }
        return value
    }
}
