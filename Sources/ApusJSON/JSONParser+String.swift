extension JSONParser {
    /// Reads the string that begins with the quote at `offset`.
    mutating func parseString() throws(JSONError) -> String {
        offset += 1
        let start = offset
        while offset < input.count {
            switch input[offset] {
            case UInt8(ascii: "\""):
                let text = try decode(UnsafeRawBufferPointer(rebasing: input[start..<offset]), from: start)
                offset += 1
                return text
            case UInt8(ascii: "\\"): return try parseEscapedString(from: start)
            case 0..<0x20: throw error(.controlCharacter(input[offset]))
            default: offset += 1
            }
        }
        throw error(.unexpectedEnd)
    }

    /// The rest of a string of which the bytes from `start` have no escape and the byte at `offset` is a backslash.
    private mutating func parseEscapedString(from start: Int) throws(JSONError) -> String {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: input[start..<offset])
        while offset < input.count {
            let byte = input[offset]
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: scratch, as: UTF8.self) else {
                    throw JSONError(reason: .invalidUTF8, offset: start)
                }
                offset += 1
                return text
            case UInt8(ascii: "\\"): try parseEscape()
            case 0..<0x20: throw error(.controlCharacter(byte))
            default:
                scratch.append(byte)
                offset += 1
            }
        }
        throw error(.unexpectedEnd)
    }

    private func decode(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(JSONError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw JSONError(reason: .invalidUTF8, offset: start)
        }
        return text
    }

    private mutating func parseEscape() throws(JSONError) {
        guard offset + 1 < input.count else { throw JSONError(reason: .unexpectedEnd, offset: input.count) }
        let replacement: UInt8
        switch input[offset + 1] {
        case UInt8(ascii: "\""): replacement = UInt8(ascii: "\"")
        case UInt8(ascii: "\\"): replacement = UInt8(ascii: "\\")
        case UInt8(ascii: "/"): replacement = UInt8(ascii: "/")
        case UInt8(ascii: "b"): replacement = 0x08
        case UInt8(ascii: "f"): replacement = 0x0C
        case UInt8(ascii: "n"): replacement = 0x0A
        case UInt8(ascii: "r"): replacement = 0x0D
        case UInt8(ascii: "t"): replacement = 0x09
        case UInt8(ascii: "u"):
            scratch.append(contentsOf: UTF8.encode(try parseUnicodeEscape())!)
            return
        default: throw error(.invalidEscape)
        }
        scratch.append(replacement)
        offset += 2
    }

    /// `\uHHHH`, or two of them that are a surrogate pair. A surrogate alone is U+FFFD.
    private mutating func parseUnicodeEscape() throws(JSONError) -> Unicode.Scalar {
        let replacement: Unicode.Scalar = "\u{FFFD}"
        let first = try parseCodeUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard UTF16.isLeadSurrogate(first), offset + 1 < input.count, input[offset] == UInt8(ascii: "\\"),
            input[offset + 1] == UInt8(ascii: "u")
        else { return replacement }
        let mark = offset
        let second = try parseCodeUnit()
        guard UTF16.isTrailSurrogate(second) else {
            offset = mark
            return replacement
        }
        return Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)) ?? replacement
    }

    private mutating func parseCodeUnit() throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for index in offset + 2..<offset + 6 {
            guard index < input.count else { throw JSONError(reason: .unexpectedEnd, offset: input.count) }
            guard let digit = Character(Unicode.Scalar(input[index])).hexDigitValue, input[index] < 0x80 else {
                throw error(.invalidEscape)
            }
            unit = unit << 4 | UInt16(digit)
        }
        offset += 6
        return unit
    }
}
