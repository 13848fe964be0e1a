#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Listening sockets that systemd opened and holds for this process (sd_listen_fds(3)): clients can connect before the
/// process runs, and while it is replaced.
package enum InheritedSockets {
    /// SD_LISTEN_FDS_START.
    private static let first: Int32 = 3

    /// The descriptors, closed at exec from now on; empty when there are none for this process.
    package static func take(environment: [String: String]) -> [Int32] {
        guard let owner = environment["LISTEN_PID"].flatMap(Int32.init), owner == getpid(),
            let count = environment["LISTEN_FDS"].flatMap(Int32.init), count > 0, count < 1024
        else { return [] }
        let descriptors = Array(first..<first + count)
        for descriptor in descriptors { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) }
        return descriptors
    }
}
