/// GPT-2's bijection of bytes to printable characters: printable Latin-1 stands for itself, the others for U+0100 and
/// on, in order.
enum ByteLevelAlphabet {
    /// Scalar of each byte.
    static let scalars: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (0..<256).map { (byte: UInt32) in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)!
            default:
                defer { next += 1 }
                return Unicode.Scalar(next)!
            }
        }
    }()

    /// UTF-8 of each byte's character: one or two bytes, the second 0 if there is none.
    private static let encoded: [(UInt8, UInt8)] = scalars.map { scalar in
        let units = Array(scalar.utf8)
        return (units[0], units.count > 1 ? units[1] : 0)
    }

    private static let bytes: [UInt8?] = {
        var result = [UInt8?](repeating: nil, count: 0x180)
        for (byte, scalar) in scalars.enumerated() { result[Int(scalar.value)] = UInt8(byte) }
        return result
    }()

    static func append(_ byte: UInt8, to output: inout [UInt8]) {
        let (first, second) = encoded[Int(byte)]
        output.append(first)
        if second != 0 { output.append(second) }
    }

    /// The bytes that `text` stands for; nil if one of its characters stands for none.
    static func bytes(of text: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        return text.withUnsafeBufferPointer { appendBytes(of: $0, to: &result) } ? result : nil
    }

    /// Appends the bytes that `text` stands for; false, with nothing appended, if a character stands for none.
    static func appendBytes(of text: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) -> Bool {
        let count = output.count
        var offset = 0
        while offset < text.count {
            let (code, next) = text.scalar(at: offset)
            guard code < 0x180, let byte = bytes[Int(code)] else {
                output.removeSubrange(count...)
                return false
            }
            output.append(byte)
            offset = next
        }
        return true
    }
}
