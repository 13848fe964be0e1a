package import ApusCore
import ApusJSON

/// The index of one safetensors file.
///
/// The file is (1) eight bytes, little endian: the length N of the header; (2) N bytes of JSON:
/// `{"name": {"dtype": "BF16", "shape": [rows, columns], "data_offsets": [begin, end]}, …, "__metadata__": {…}}`
/// with offsets counted from the end of the header; (3) the tensors, row-major, little endian, without gaps.
/// (https://github.com/huggingface/safetensors, "Format".)
package struct Safetensors: Sendable {
    package struct Entry: Sendable, Hashable {
        package let name: String
        /// As written in the file: `BF16`, `F32`, `I64`, …
        package let typeName: String
        package let shape: [Int]
        /// Bytes of the file.
        package let range: Range<Int>
        /// nil for formats that weights are not read from.
        package var elementType: ElementType? { Safetensors.elementTypes[typeName] }
    }

    /// Same limit as the format's own library.
    static let longestHeader = 100_000_000

    private static let elementTypes: [String: ElementType] = ["F32": .float32, "F16": .float16, "BF16": .bfloat16]
    static let byteCounts: [String: Int] = [
        "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
        "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
    ]

    /// In the order of their bytes.
    package let entries: [Entry]

    /// Reads the header of `file` and holds it against the file's length: after this every entry's range is inside.
    package init(_ file: MappedFile) throws(CheckpointError) {
        // Copied, because a mapped file may be cut at any moment.
        let count = file.bytes.count
        var length: UInt64 = 0
        if count >= 8 {
            let result = withUnsafeMutableBytes(of: &length) { target in
                Result { () throws(CheckpointError) in try file.read(0..<8, into: target.baseAddress!) }
            }
            try result.get()
        }
        let known = min(count, 8 + Int(clamping: min(UInt64(littleEndian: length), UInt64(Self.longestHeader))))
        let header = UnsafeMutableRawBufferPointer.allocate(byteCount: max(known, 1), alignment: 8)
        defer { header.deallocate() }
        if let base = header.baseAddress { try file.read(0..<known, into: base) }
        try self.init(UnsafeRawBufferPointer(rebasing: header[..<known]), fileByteCount: count, path: file.path)
    }

    init(_ bytes: UnsafeRawBufferPointer, path: String) throws(CheckpointError) {
        try self.init(bytes, fileByteCount: bytes.count, path: path)
    }

    /// `bytes`: the file's beginning, up to the end of its header at least.
    private init(_ bytes: UnsafeRawBufferPointer, fileByteCount: Int, path: String) throws(CheckpointError) {
        func malformed(_ reason: String) -> CheckpointError {
            .malformed(path: path, reason: "not a safetensors file: \(reason)")
        }
        guard fileByteCount >= 8 else { throw malformed("it has \(fileByteCount) bytes") }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(Self.longestHeader) else { throw malformed("its header would have \(length) bytes") }
        let dataStart = 8 + Int(length)
        guard dataStart <= fileByteCount else {
            throw malformed("its header should end at byte \(dataStart), the file has \(fileByteCount)")
        }
        var options = JSONParser.Options()
        options.maximumDepth = 4
        options.allowsDuplicateKeys = false
        let header: JSONValue
        do {
            header = try JSONValue(parsing: UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart]), options: options)
        } catch {
            throw malformed("header: \(error)")
        }
        guard let object = header.objectValue else { throw malformed("its header is no object") }
        var entries: [Entry] = []
        entries.reserveCapacity(object.count)
        for member in object where member.key != "__metadata__" {
            do {
                entries.append(try Self.entry(member.key, member.value, dataStart: dataStart))
            } catch {
                throw malformed("tensor \(member.key.prefix(200)): \(error.reason)")
            }
        }
        entries.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
        var end = dataStart
        for entry in entries {
            guard entry.range.lowerBound == end else {
                throw malformed("tensor \(entry.name) begins at byte \(entry.range.lowerBound) instead of \(end)")
            }
            end = entry.range.upperBound
            guard end <= fileByteCount else {
                throw CheckpointError.truncated(path: path, tensor: entry.name, needed: end, found: fileByteCount)
            }
        }
        guard end == fileByteCount else { throw malformed("\(fileByteCount - end) bytes follow its last tensor") }
        self.entries = entries
    }

    private struct EntryError: Error {
        let reason: String
    }

    private static func entry(_ name: String, _ value: JSONValue, dataStart: Int) throws(EntryError) -> Entry {
        guard let typeName = value["dtype"]?.stringValue else { throw EntryError(reason: "no dtype") }
        guard let byteCount = byteCounts[typeName] else {
            throw EntryError(reason: "unknown dtype \(typeName.prefix(40))")
        }
        guard let dimensions = value["shape"]?.arrayValue else { throw EntryError(reason: "no shape") }
        var shape: [Int] = []
        var size = byteCount
        for dimension in dimensions {
            guard let extent = dimension.intValue, extent >= 0 else {
                throw EntryError(reason: "a dimension is \(dimension)")
            }
            shape.append(extent)
            let (product, overflow) = size.multipliedReportingOverflow(by: extent)
            guard !overflow else { throw EntryError(reason: "its shape \(shape) is too large") }
            size = product
        }
        guard let offsets = value["data_offsets"]?.arrayValue, offsets.count == 2,
            let begin = offsets[0].intValue, let end = offsets[1].intValue
        else { throw EntryError(reason: "no data_offsets") }
        // Half of the address space keeps the sums below from overflowing.
        guard begin >= 0, end >= begin, end < Int.max / 2 else {
            throw EntryError(reason: "data_offsets \(begin), \(end)")
        }
        guard end - begin == size else {
            throw EntryError(reason: "shape \(shape) in \(typeName) is \(size) bytes, data_offsets say \(end - begin)")
        }
        return Entry(name: name, typeName: typeName, shape: shape, range: dataStart + begin..<dataStart + end)
    }
}
