import ApusJSON

/// A schema and where it stands; the place is its identity.
struct Subschema: Sendable, Hashable {
    let value: JSONValue
    /// A JSON pointer with the mark of a fragment, such as `#/properties/a`.
    let place: String

    static let anything = Subschema(value: .bool(true), place: "true")

    subscript(key: String) -> Subschema? {
        value[key].map { Subschema(value: $0, place: place + "/" + Self.escaped(key)) }
    }

    /// The elements of an array.
    var elements: [Subschema]? {
        value.arrayValue?.enumerated().map { Subschema(value: $1, place: "\(place)/\($0)") }
    }

    /// No value obeys.
    var negated: Subschema { Subschema(value: ["not": value], place: place + "/!") }

    /// RFC 6901.
    private static func escaped(_ key: String) -> String {
        key.replacing("~", with: "~0").replacing("/", with: "~1")
    }

    static func == (left: Subschema, right: Subschema) -> Bool { left.place.utf8.elementsEqual(right.place.utf8) }

    func hash(into hasher: inout Hasher) { hasher.combine(Array(place.utf8)) }
}

/// A whole schema, in which references are looked up.
struct SchemaDocument: Sendable {
    let root: Subschema
    private var anchors: [String: Subschema] = [:]

    /// Bytes of a place: every schema below has them too.
    private static let longestPlace = 16 << 10

    init(root: JSONValue, _ limit: CompilationLimit) throws(GrammarError) {
        self.root = Subschema(value: root, place: "#")
        try collectAnchors(self.root, depth: 0, limit)
    }

    private mutating func collectAnchors(
        _ schema: Subschema, depth: Int, _ limit: CompilationLimit
    ) throws(GrammarError) {
        guard depth < 128 else { return }
        try limit.check()
        guard schema.place.utf8.count <= Self.longestPlace else {
            throw .invalid("names in the schema are too long")
        }
        switch schema.value {
        case .object(let members):
            if let anchor = members["$anchor"]?.stringValue { anchors[anchor] = schema }
            for member in members {
                if let inner = schema[member.key] { try collectAnchors(inner, depth: depth + 1, limit) }
            }
        case .array: for inner in schema.elements ?? [] { try collectAnchors(inner, depth: depth + 1, limit) }
        default: break
        }
    }

    /// What `$ref` names: `#`, `#/a/JSON/pointer` or `#anchor`.
    func resolve(_ reference: String) throws(GrammarError) -> Subschema {
        guard reference.hasPrefix("#") else {
            if let id = root.value["$id"]?.stringValue, reference == id { return root }
            throw .invalid("$ref to another document, '\(reference)'")
        }
        let fragment = Self.decoded(String(reference.dropFirst()))
        if fragment.isEmpty { return root }
        guard fragment.hasPrefix("/") else {
            guard let schema = anchors[fragment] else { throw .invalid("$ref to '\(reference)', which is not there") }
            return schema
        }
        var schema = root
        for token in fragment.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            let key = token.replacing("~1", with: "/").replacing("~0", with: "~")
            let next = schema[String(key)] ?? Int(key).flatMap { index in schema.elements?.dropFirst(index).first }
            guard let next, Int(key).map({ $0 >= 0 }) ?? true else {
                throw .invalid("$ref to '\(reference)', which is not there")
            }
            schema = next
        }
        return schema
    }

    /// Percent-encoded bytes decoded.
    private static func decoded(_ text: String) -> String {
        guard text.contains("%") else { return text }
        var bytes: [UInt8] = []
        var rest = Substring(text).utf8
        while let byte = rest.popFirst() {
            let digits = Substring(rest.prefix(2))
            if byte == UInt8(ascii: "%"), digits.utf8.count == 2, let value = UInt8(digits, radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
