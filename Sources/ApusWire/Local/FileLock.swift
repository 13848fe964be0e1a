#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A lock that the kernel releases when its process ends, however it ends.
final class FileLock: Sendable {
    private let descriptor: Descriptor

    /// Takes the lock or says at once that it is held (`WireError.inUse`).
    init(path: String) throws(WireError) {
        let opened = uninterrupted { open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600) }
        if let code = opened.code { throw .failed(call: "open", subject: path, code: code) }
        descriptor = Descriptor(opened.result)
        switch uninterrupted({ flock(opened.result, LOCK_EX | LOCK_NB) }).code {
        case nil: break
        case EWOULDBLOCK?: throw .inUse(path)
        case let code?: throw .failed(call: "flock", subject: path, code: code)
        }
    }
}
