/// A strict RFC 8259 reader over UTF-8 bytes.
///
/// Refused: text after the value, comments, trailing commas, a byte order mark, `NaN` and `Infinity`, leading zeros,
/// raw control characters, invalid UTF-8, doubles out of range. An escaped surrogate without its partner becomes
/// U+FFFD, since no Swift string can hold it.
package struct JSONParser {
    /// How to read an integer that does not fit 64 bits signed.
    package enum LargeIntegers: Sendable {
        case refuse
        /// The nearest double: tokenizer_config.json states "no limit" as 1000000000000000019884624838656.
        case asDouble
    }

    package struct Options: Sendable {
        /// Arrays and objects inside one another; the reader recurses, so this bounds its stack.
        package var maximumDepth = 128
        package var largeIntegers = LargeIntegers.refuse
        /// When false, an object with two equal keys is an error; when true, the later value wins.
        package var allowsDuplicateKeys = true

        package init() {}

        /// For files that Python's json module wrote.
        package static let files: Options = {
            var options = Options()
            options.largeIntegers = .asDouble
            return options
        }()
    }

    let input: UnsafeRawBufferPointer
    let options: Options
    var offset = 0
    /// Bytes of the string being read, if it has escapes; kept to be reused.
    var scratch: [UInt8] = []

    init(_ input: UnsafeRawBufferPointer, _ options: Options) {
        self.input = input
        self.options = options
    }

    mutating func parseDocument() throws(JSONError) -> JSONValue {
        let value = try parseValue(depth: 0)
        skipWhitespace()
        guard offset == input.count else { throw error(.trailingText) }
        return value
    }

    private mutating func parseValue(depth: Int) throws(JSONError) -> JSONValue {
        skipWhitespace()
        guard offset < input.count else { throw error(.unexpectedEnd) }
        switch input[offset] {
        case UInt8(ascii: "{"): return try parseObject(depth: depth)
        case UInt8(ascii: "["): return try parseArray(depth: depth)
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
        case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
        case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
        case UInt8(ascii: "n"): return try parseWord("null", .null)
        case UInt8(ascii: "N"):
            try skipWord("NaN")
            throw JSONError(reason: .notANumber("NaN"), offset: offset - 3)
        case UInt8(ascii: "I"):
            try skipWord("Infinity")
            throw JSONError(reason: .notANumber("Infinity"), offset: offset - 8)
        case let byte: throw error(.unexpectedByte(byte, expected: "a value"))
        }
    }

    private mutating func parseArray(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < options.maximumDepth else { throw error(.tooDeep(limit: options.maximumDepth)) }
        offset += 1
        var elements: [JSONValue] = []
        if skip(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try parseValue(depth: depth + 1))
            if skip(UInt8(ascii: ",")) { continue }
            if skip(UInt8(ascii: "]")) { return .array(elements) }
            throw unexpected("',' or ']'")
        }
    }

    private mutating func parseObject(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < options.maximumDepth else { throw error(.tooDeep(limit: options.maximumDepth)) }
        offset += 1
        var object = JSONObject()
        if skip(UInt8(ascii: "}")) { return .object(object) }
        while true {
            skipWhitespace()
            guard offset < input.count, input[offset] == UInt8(ascii: "\"") else { throw unexpected("a key") }
            let key = try parseString()
            if !options.allowsDuplicateKeys, object[key] != nil { throw error(.duplicateKey(key)) }
            guard skip(UInt8(ascii: ":")) else { throw unexpected("':'") }
            object.updateValue(try parseValue(depth: depth + 1), forKey: key)
            if skip(UInt8(ascii: ",")) { continue }
            if skip(UInt8(ascii: "}")) { return .object(object) }
            throw unexpected("',' or '}'")
        }
    }

    private mutating func parseWord(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        try skipWord(word)
        return value
    }

    mutating func skipWord(_ word: StaticString) throws(JSONError) {
        for index in 0..<word.utf8CodeUnitCount {
            guard offset < input.count else { throw error(.unexpectedEnd) }
            guard input[offset] == word.utf8Start[index] else { throw unexpected("'\(word)'") }
            offset += 1
        }
    }

    private mutating func skipWhitespace() {
        while offset < input.count {
            switch input[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            default: return
            }
        }
    }

    /// Skips whitespace and `byte`; false, with only the whitespace skipped, if another byte follows.
    private mutating func skip(_ byte: UInt8) -> Bool {
        skipWhitespace()
        guard offset < input.count, input[offset] == byte else { return false }
        offset += 1
        return true
    }

    func error(_ reason: JSONError.Reason) -> JSONError { JSONError(reason: reason, offset: offset) }

    func unexpected(_ expected: String) -> JSONError {
        offset < input.count
            ? error(.unexpectedByte(input[offset], expected: expected)) : error(.unexpectedEnd)
    }
}

extension JSONValue {
    /// Reads one document that fills `bytes`.
    package init(parsing bytes: UnsafeRawBufferPointer, options: JSONParser.Options = .init()) throws(JSONError) {
        var parser = JSONParser(bytes, options)
        self = try parser.parseDocument()
    }

    package init(parsing bytes: [UInt8], options: JSONParser.Options = .init()) throws(JSONError) {
        self = try bytes.withUnsafeBytes { Self.parse($0, options) }.get()
    }

    package init(parsing bytes: RawSpan, options: JSONParser.Options = .init()) throws(JSONError) {
        self = try bytes.withUnsafeBytes { Self.parse($0, options) }.get()
    }

    package init(parsing text: String, options: JSONParser.Options = .init()) throws(JSONError) {
        var text = text
        self = try text.withUTF8 { Self.parse(UnsafeRawBufferPointer($0), options) }.get()
    }

    private static func parse(
        _ bytes: UnsafeRawBufferPointer, _ options: JSONParser.Options
    ) -> Result<JSONValue, JSONError> {
        Result { () throws(JSONError) in try JSONValue(parsing: bytes, options: options) }
    }
}
