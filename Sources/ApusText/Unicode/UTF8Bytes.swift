/// Scalars in valid UTF-8 bytes. All functions require that the bytes are valid and that offsets lie on borders of
/// scalars; they read whole sequences without checking.
extension UnsafeBufferPointer<UInt8> {
    /// The scalar at `offset` and the offset after it.
    @inline(__always)
    func scalar(at offset: Int) -> (code: UInt32, next: Int) {
        let first = UInt32(self[offset])
        if first < 0x80 { return (first, offset + 1) }
        if first < 0xE0 { return ((first & 0x1F) << 6 | tail(offset + 1), offset + 2) }
        if first < 0xF0 {
            return ((first & 0x0F) << 12 | tail(offset + 1) << 6 | tail(offset + 2), offset + 3)
        }
        let high = (first & 0x07) << 18 | tail(offset + 1) << 12
        return (high | tail(offset + 2) << 6 | tail(offset + 3), offset + 4)
    }

    @inline(__always)
    private func tail(_ offset: Int) -> UInt32 { UInt32(self[offset]) & 0x3F }

    /// The offset of the scalar that ends before `offset`, which is not 0.
    @inline(__always)
    func offset(before offset: Int) -> Int {
        var offset = offset - 1
        while self[offset] & 0xC0 == 0x80 { offset -= 1 }
        return offset
    }
}

extension [UInt8] {
    mutating func append(_ scalar: Unicode.Scalar) {
        if scalar.value < 0x80 {
            append(UInt8(scalar.value))
        } else {
            append(contentsOf: scalar.utf8)
        }
    }

    /// Calls `body` with each scalar of these valid UTF-8 bytes and appends what it wants to a new array.
    func transformingScalars(_ body: (Unicode.Scalar, inout [UInt8]) -> Void) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(count + count / 8)
        withUnsafeBufferPointer { bytes in
            var offset = 0
            while offset < bytes.count {
                let (code, next) = bytes.scalar(at: offset)
                body(Unicode.Scalar(code)!, &output)
                offset = next
            }
        }
        return output
    }

    /// The bytes as text, each ill-formed part a U+FFFD as the Unicode standard recommends (table 3-8).
    var lossyText: String { String(decoding: self, as: UTF8.self) }
}
