#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A whole file mapped read-only. Pages come in as they are touched, and can be given back.
///
/// A file that is cut while it is mapped kills the process at the next touch (SIGBUS), as with every reader of mapped
/// files. Who cannot rule that out takes `read` instead of `bytes`, and asks `checkUnchanged` in the end.
package final class MappedFile: @unchecked Sendable {  // immutable after init; `discard` changes no contents
    package let path: String
    /// The file's bytes as long as this object lives.
    package let bytes: UnsafeRawBufferPointer
    let descriptor: Int32
    /// The file as it was opened.
    let stamp: FileStamp

    package init(path: String) throws(CheckpointError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CheckpointError.unreadable(path: path, reason: FileSystem.lastError())
        }
        self.path = path
        self.descriptor = descriptor
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let reason = FileSystem.lastError()
            close(descriptor)
            throw CheckpointError.unreadable(path: path, reason: reason)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw CheckpointError.unreadable(path: path, reason: "not a regular file")
        }
        stamp = FileStamp(status)
        let size = Int(status.st_size)
        guard size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            let reason = FileSystem.lastError()
            close(descriptor)
            throw CheckpointError.unreadable(path: path, reason: reason)
        }
        bytes = UnsafeRawBufferPointer(start: address, count: size)
    }

    deinit {
        if let start = bytes.baseAddress {
            munmap(UnsafeMutableRawPointer(mutating: start), bytes.count)
        }
        close(descriptor)
    }

    /// Asks the kernel to read `range` ahead of its use.
    package func prefetch(_ range: Range<Int>) {
        advise(range, MADV_WILLNEED, wholePagesOnly: false)
    }

    /// Takes the pages that lie wholly inside `range` out of this process's resident memory. They stay readable.
    package func discard(_ range: Range<Int>) {
        advise(range, MADV_DONTNEED, wholePagesOnly: true)
    }

    private func advise(_ range: Range<Int>, _ advice: Int32, wholePagesOnly: Bool) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let begin = wholePagesOnly ? (range.lowerBound + page - 1) / page * page : range.lowerBound / page * page
        // The last page of the file is whole, whatever the length of the file.
        let end = range.upperBound == bytes.count || !wholePagesOnly ? range.upperBound : range.upperBound / page * page
        guard begin < end, let start = bytes.baseAddress else { return }
        // Advice that is not taken costs memory or time, never correctness.
        _ = madvise(UnsafeMutableRawPointer(mutating: start + begin), end - begin, advice)
    }
}
