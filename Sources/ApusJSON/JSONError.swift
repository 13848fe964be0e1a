/// Why bytes are not a JSON document, and where.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: Hashable, Sendable {
        case unexpectedEnd
        /// What stands where `expected` (a description such as `a value`) should.
        case unexpectedByte(UInt8, expected: String)
        case trailingText
        /// `NaN`, `Infinity` and `-Infinity`, which Python writes and RFC 8259 forbids.
        case notANumber(String)
        case leadingZero
        /// An integer that 64 bits signed cannot hold, as written (abridged).
        case integerTooLarge(String)
        /// A number with fraction or exponent beyond the range of a double, as written (abridged).
        case numberTooLarge(String)
        case controlCharacter(UInt8)
        case invalidEscape
        case invalidUTF8
        case tooDeep(limit: Int)
        case duplicateKey(String)
    }

    package let reason: Reason
    /// Bytes before the place of the error.
    package let offset: Int

    package init(reason: Reason, offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package var description: String { "\(reasonText) at byte \(offset)" }

    private var reasonText: String {
        switch reason {
        case .unexpectedEnd: "unexpected end of JSON"
        case .unexpectedByte(let byte, let expected): "unexpected \(Self.name(byte)), expected \(expected)"
        case .trailingText: "unexpected text after the JSON value"
        case .notANumber(let word): "\(word) is not valid JSON"
        case .leadingZero: "a number must not begin with a zero"
        case .integerTooLarge(let text): "integer \(text) does not fit 64 bits"
        case .numberTooLarge(let text): "number \(text) is out of range"
        case .controlCharacter(let byte): "unescaped control character \(Self.name(byte)) in a string"
        case .invalidEscape: "invalid escape in a string"
        case .invalidUTF8: "invalid UTF-8 in a string"
        case .tooDeep(let limit): "JSON nested deeper than \(limit) levels"
        case .duplicateKey(let key): "second member named '\(key.prefix(100))'"
        }
    }

    private static func name(_ byte: UInt8) -> String {
        guard !(0x21...0x7E).contains(byte) else { return "'\(Character(Unicode.Scalar(byte)))'" }
        let digits = String(byte, radix: 16, uppercase: true)
        return "byte 0x" + (digits.count < 2 ? "0" : "") + digits
    }
}
