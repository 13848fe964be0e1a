import ApusJSON

/// The `pattern` of a Split or Replace stage: `{"String": ...}` or `{"Regex": ...}`.
enum StagePattern: Sendable {
    case literal([UInt8])
    case regex(Regex)

    init(_ json: JSONValue?) throws(TextError) {
        if let text = json?["String"]?.stringValue {
            self = .literal(Array(text.utf8))
        } else if let pattern = json?["Regex"]?.stringValue {
            self = .regex(try Regex(pattern))
        } else {
            throw .malformed("a pattern that is neither String nor Regex: \(json ?? .null)")
        }
    }

    /// Matches in order, disjoint.
    func matches(in text: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
        var result: [Range<Int>] = []
        switch self {
        case .regex(let regex):
            result.reserveCapacity(text.count / 4)
            var matcher = RegexMatcher(regex, text)
            matcher.forEachMatch { result.append($0) }
        case .literal(let literal):
            guard let first = literal.first, literal.count <= text.count else { return [] }
            var offset = 0
            while offset <= text.count - literal.count {
                if text[offset] == first, text[offset..<offset + literal.count].elementsEqual(literal) {
                    result.append(offset..<offset + literal.count)
                    offset += literal.count
                } else {
                    offset += 1
                }
            }
        }
        return result
    }
}

/// Typed reading of a stage's options; a missing option takes its default, a wrong type is an error.
struct StageOptions {
    let type: String
    private let json: JSONValue

    init(_ json: JSONValue, stage: String) throws(TextError) {
        guard let type = json["type"]?.stringValue else { throw .malformed("\(stage) without a type: \(json)") }
        self.type = type
        self.json = json
    }

    init(_ json: JSONValue, type: String) {
        self.type = type
        self.json = json
    }

    subscript(key: String) -> JSONValue? { json[key] }

    func flag(_ key: String, default value: Bool? = nil) throws(TextError) -> Bool {
        guard let flag = json[key].map({ $0.boolValue }) ?? value else { throw wrong(key) }
        return flag
    }

    func string(_ key: String) throws(TextError) -> String {
        guard let text = json[key]?.stringValue else { throw wrong(key) }
        return text
    }

    func integer(_ key: String) throws(TextError) -> Int {
        guard let number = json[key]?.intValue else { throw wrong(key) }
        return number
    }

    /// The inner stages of a Sequence.
    func list(_ key: String) throws(TextError) -> [JSONValue] {
        guard let list = json[key]?.arrayValue else { throw wrong(key) }
        return list
    }

    /// A string of exactly one scalar.
    func scalar(_ key: String) throws(TextError) -> Unicode.Scalar {
        let scalars = try string(key).unicodeScalars
        guard scalars.count == 1, let scalar = scalars.first else { throw wrong(key) }
        return scalar
    }

    func wrong(_ key: String) -> TextError {
        .malformed("\(type) with \(key) \(json[key].map { "\($0)" } ?? "missing")")
    }
}
