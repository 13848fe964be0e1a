import CZeroMQ

/// What can go wrong with sockets, descriptors and the directory that they live in.
package enum WireError: Error, Equatable, CustomStringConvertible {
    /// A call of ZeroMQ or of the system failed with `code` (errno).
    case failed(call: String, subject: String, code: Int32)
    /// A Unix socket's path has a limit set by the kernel.
    case pathTooLong(String)
    /// Another process of this role is alive in the directory.
    case inUse(String)
    /// The directory may not be used for sockets.
    case directory(String, reason: String)

    package var description: String {
        switch self {
        case .failed(let call, let subject, let code):
            "\(call)(\(subject)): \(String(cString: zmq_strerror(code))) (errno \(code))"
        case .pathTooLong(let path):
            "the socket path \(path) takes \(path.utf8.count) bytes, and Unix sockets allow "
                + "\(RuntimeDirectory.longestSocketPath): choose a shorter --runtime-dir"
        case .inUse(let path):
            "\(path) belongs to another running process: choose another --runtime-dir"
        case .directory(let path, let reason):
            "the runtime directory \(path) \(reason)"
        }
    }
}
