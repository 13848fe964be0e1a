/// A ZIP archive of stored entries (PKWARE APPNOTE 6.3, sections 4.3.7 to 4.3.16), as PyTorch's files are.
///
/// Archives of less than 4 GiB: sizes and places are 32 bits wide.
struct ZipWriter: ~Copyable {
    private var file: OutputFile
    private var directory: [UInt8] = []
    private var entryCount: UInt16 = 0

    init(_ file: consuming OutputFile) {
        self.file = file
    }

    mutating func append(_ name: String, _ bytes: [UInt8]) throws(ExpertError) {
        guard entryCount < .max else {
            throw .unwritable(
                path: file.path, reason: "an archive holds \(UInt16.max) tensors at most; keep fewer passes")
        }
        let name = Array(name.utf8)
        let place = UInt32(file.byteCount)
        // Version needed 2.0, names are UTF-8, stored, 1 January 1980.
        var fields: [UInt8] = []
        fields.append16(20, 0x800, 0, 0, 0x21)
        fields.append32(CRC32.checksum(of: bytes), UInt32(bytes.count), UInt32(bytes.count))
        fields.append16(UInt16(name.count), 0)
        try file.write([0x50, 0x4B, 0x03, 0x04] + fields + name)
        try file.write(bytes)
        directory += [0x50, 0x4B, 0x01, 0x02]
        directory.append16(20)
        directory += fields
        directory.append16(0, 0, 0)
        directory.append32(0, place)
        directory += name
        entryCount += 1
    }

    consuming func finish() throws(ExpertError) -> String {
        let place = UInt32(file.byteCount)
        try file.write(directory)
        var end: [UInt8] = [0x50, 0x4B, 0x05, 0x06]
        end.append16(0, 0, entryCount, entryCount)
        end.append32(UInt32(directory.count), place)
        end.append16(0)
        try file.write(end)
        return try file.finish()
    }
}

/// CRC-32 of ISO 3309, as ZIP and PNG have it.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
    }

    static func checksum(of bytes: [UInt8]) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            ~bytes.reduce(UInt32.max) { $0 >> 8 ^ table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] }
        }
    }
}

extension [UInt8] {
    /// Numbers in the order of least bytes first.
    mutating func append16(_ numbers: UInt16...) {
        for number in numbers { append(contentsOf: [UInt8(truncatingIfNeeded: number), UInt8(number >> 8)]) }
    }

    mutating func append32(_ numbers: UInt32...) {
        for number in numbers { append16(UInt16(truncatingIfNeeded: number), UInt16(number >> 16)) }
    }
}
