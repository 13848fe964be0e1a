import ApusJSON

#if canImport(Glibc)
    import Glibc

    private let systemWrite = Glibc.write
#else
    import Darwin

    private let systemWrite = Darwin.write
#endif

/// Writes one safetensors file: its header first, then the tensors in the order in which they were announced.
package struct SafetensorsWriter: ~Copyable {
    /// A tensor to come.
    package struct Announcement: Sendable {
        package let name: String
        /// `BF16`, `I8`, …
        package let typeName: String
        package let shape: [Int]

        package init(name: String, typeName: String, shape: [Int]) {
            self.name = name
            self.typeName = typeName
            self.shape = shape
        }

        package var byteCount: Int {
            guard let size = Safetensors.byteCounts[typeName] else { preconditionFailure("no type \(typeName)") }
            return shape.reduce(size, *)
        }
    }

    private let path: String
    private let descriptor: Int32
    private let tensors: [Announcement]
    private var next = 0

    /// Opens a file that is not there yet, and writes the header.
    package init(path: String, tensors: [Announcement]) throws(CheckpointError) {
        self.path = path
        self.tensors = tensors
        var header: JSONObject = ["__metadata__": ["format": "pt"]]
        var end = 0
        for tensor in tensors {
            header[tensor.name] = [
                "dtype": .string(tensor.typeName), "shape": .array(tensor.shape.map { JSONValue($0) }),
                "data_offsets": .array([JSONValue(end), JSONValue(end + tensor.byteCount)]),
            ]
            end += tensor.byteCount
        }
        var text = JSONValue.object(header).serialized
        // Tensors begin at a multiple of eight bytes.
        while !text.count.isMultiple(of: 8) { text.append(UInt8(ascii: " ")) }
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw CheckpointError.unwritable(path: path, reason: FileSystem.lastError()) }
        let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
        try Self.write(length + text, to: descriptor, path)
    }

    deinit { close(descriptor) }

    /// The next tensor's numbers.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
        precondition(
            next < tensors.count && bytes.count == tensors[next].byteCount, "not the tensor that was announced")
        next += 1
        try Self.write(bytes, to: descriptor, path)
    }

    /// The same, of numbers that were made.
    package mutating func append(_ bytes: [UInt8]) throws(CheckpointError) {
        precondition(
            next < tensors.count && bytes.count == tensors[next].byteCount, "not the tensor that was announced")
        next += 1
        try Self.write(bytes, to: descriptor, path)
    }

    /// Waits until the file is on its disk.
    package func finish() throws(CheckpointError) {
        precondition(next == tensors.count, "tensors are missing")
        guard fsync(descriptor) == 0 else { throw .unwritable(path: path, reason: FileSystem.lastError()) }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(CheckpointError) {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(CheckpointError) in try write(bytes, to: descriptor, path) }
        }
        try result.get()
    }

    private static func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String
    ) throws(CheckpointError) {
        guard let base = bytes.baseAddress else { return }
        var done = 0
        while done < bytes.count {
            let count = systemWrite(descriptor, base + done, min(bytes.count - done, 1 << 30))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .unwritable(path: path, reason: FileSystem.lastError()) }
            done += count
        }
    }
}
