#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A file that appears under its name when it is complete, or not at all.
struct OutputFile: ~Copyable {
    let path: String
    private let partPath: String
    private let stream: UnsafeMutablePointer<FILE>
    /// Bytes written so far.
    private(set) var byteCount = 0
    private var isComplete = false

    /// Folders on the way are made.
    init(directory: String, name: String) throws(ExpertError) {
        path = "\(directory)/\(name)"
        partPath = "\(directory)/.\(name).part"
        try Self.makeFolder(directory)
        guard let stream = fopen(partPath, "wb") else {
            throw .unwritable(path: path, reason: Self.reason())
        }
        self.stream = stream
    }

    deinit {
        guard !isComplete else { return }
        fclose(stream)
        unlink(partPath)
    }

    mutating func write(_ bytes: [UInt8]) throws(ExpertError) {
        byteCount += bytes.count
        guard fwrite(bytes, 1, bytes.count, stream) == bytes.count else {
            throw .unwritable(path: path, reason: Self.reason())
        }
    }

    mutating func write(_ text: String) throws(ExpertError) { try write(Array(text.utf8)) }

    /// - Returns: Where the file is.
    consuming func finish() throws(ExpertError) -> String {
        guard fflush(stream) == 0, rename(partPath, path) == 0 else {
            throw .unwritable(path: path, reason: Self.reason())
        }
        fclose(stream)
        isComplete = true
        return path
    }

    private static func makeFolder(_ path: String) throws(ExpertError) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/\(part)"
            guard mkdir(made, 0o777) == 0 || errno == EEXIST else { throw .unwritable(path: made, reason: reason()) }
        }
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
