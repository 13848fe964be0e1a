/// Writes compact JSON (no spaces, nothing escaped that RFC 8259 does not require) at the end of a byte array.
///
/// Doubles have the fewest digits that read back as the same double, and always a point or an exponent, so that a
/// reader which tells integers from floats gets a float again. What JSON cannot express, NaN and infinities, is null.
package enum JSONWriter {
    package static func append(_ value: JSONValue, to output: inout [UInt8]) {
        switch value {
        case .null: append(word: "null", to: &output)
        case .bool(let value): append(word: value ? "true" : "false", to: &output)
        case .integer(let value): append(value, to: &output)
        case .double(let value): append(value, to: &output)
        case .string(let value): append(value, to: &output)
        case .array(let elements): append(elements, to: &output)
        case .object(let object): append(object, to: &output)
        }
    }

    package static func append(_ elements: [JSONValue], to output: inout [UInt8]) {
        output.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            append(element, to: &output)
        }
        output.append(UInt8(ascii: "]"))
    }

    package static func append(_ object: JSONObject, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        for (index, member) in object.members.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            append(member.key, to: &output)
            output.append(UInt8(ascii: ":"))
            append(member.value, to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    package static func append(_ value: Int64, to output: inout [UInt8]) {
        // 20 bytes hold the longest, -9223372036854775808.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var position = 20
            var rest = value.magnitude
            repeat {
                position -= 1
                digits[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 {
                position -= 1
                digits[position] = UInt8(ascii: "-")
            }
            output.append(contentsOf: digits[position...])
        }
    }

    package static func append(_ value: Double, to output: inout [UInt8]) {
        guard value.isFinite else { return append(word: "null", to: &output) }
        output.append(contentsOf: value.description.utf8)
    }

    /// The string in quotes.
    package static func append(_ string: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        append(content: string, to: &output)
        output.append(UInt8(ascii: "\""))
    }

    /// What stands between the quotes of the string.
    package static func append(content string: String, to output: inout [UInt8]) {
        var string = string
        string.withUTF8 { bytes in
            var start = 0
            for (index, byte) in bytes.enumerated()
            where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                output.append(contentsOf: bytes[start..<index])
                appendEscape(byte, to: &output)
                start = index + 1
            }
            output.append(contentsOf: bytes[start...])
        }
    }

    private static func appendEscape(_ byte: UInt8, to output: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): append(word: "\\\"", to: &output)
        case UInt8(ascii: "\\"): append(word: "\\\\", to: &output)
        case 0x08: append(word: "\\b", to: &output)
        case 0x09: append(word: "\\t", to: &output)
        case 0x0A: append(word: "\\n", to: &output)
        case 0x0C: append(word: "\\f", to: &output)
        case 0x0D: append(word: "\\r", to: &output)
        default:
            let digits: StaticString = "0123456789abcdef"
            append(word: "\\u00", to: &output)
            output.append(digits.utf8Start[Int(byte >> 4)])
            output.append(digits.utf8Start[Int(byte & 15)])
        }
    }

    private static func append(word: StaticString, to output: inout [UInt8]) {
        output.append(contentsOf: UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }
}

extension JSONValue: CustomStringConvertible {
    /// Compact JSON in UTF-8.
    package var serialized: [UInt8] {
        var output: [UInt8] = []
        JSONWriter.append(self, to: &output)
        return output
    }

    /// Compact JSON.
    package var description: String { String(decoding: serialized, as: UTF8.self) }
}

extension JSONObject: CustomStringConvertible {
    package var description: String { JSONValue.object(self).description }
}
