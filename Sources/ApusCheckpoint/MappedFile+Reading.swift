#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What tells a file from itself after its contents changed. Its status may change: files are replaced by renaming.
struct FileStamp: Hashable {
    private let size: Int
    private let seconds: Int
    private let nanoseconds: Int

    init(_ status: stat) {
        size = Int(status.st_size)
        #if canImport(Glibc)
            let time = status.st_mtim
        #else
            let time = status.st_mtimespec
        #endif
        seconds = Int(time.tv_sec)
        nanoseconds = Int(time.tv_nsec)
    }
}

extension MappedFile {
    /// Bytes that one call of the system copies.
    private static let pieceSize = 1 << 20

    /// Copies a range out of the file, whatever happens to it meanwhile: `target` must have room for it.
    ///
    /// - Parameter pace: Called before each piece of a megabyte.
    package func read(
        _ range: Range<Int>, into target: UnsafeMutableRawPointer, pace: () -> Void = {}
    ) throws(CheckpointError) {
        var done = 0
        while done < range.count {
            pace()
            let count = min(Self.pieceSize, range.count - done)
            let result = pread(descriptor, target + done, count, off_t(range.lowerBound + done))
            if result < 0 && errno == EINTR { continue }
            guard result >= 0 else { throw .unreadable(path: path, reason: FileSystem.lastError()) }
            guard result > 0 else { throw .changed(path: path) }
            done += result
        }
    }

    /// - Throws: `CheckpointError.changed` if the file is not as it was when it was opened.
    package func checkUnchanged() throws(CheckpointError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .unreadable(path: path, reason: FileSystem.lastError())
        }
        guard FileStamp(status) == stamp else { throw .changed(path: path) }
    }

    /// All of it, copied.
    package func contents() throws(CheckpointError) -> [UInt8] {
        let count = bytes.count
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 1)
        defer { memory.deallocate() }
        if let base = memory.baseAddress { try read(0..<count, into: base) }
        return Array(memory.prefix(count))
    }
}
