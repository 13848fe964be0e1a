import ApusCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Tells whoever started this process how it is, by the protocol of sd_notify(3): systemd, or our own supervisor.
/// Silent when nobody asked (`NOTIFY_SOCKET` is unset).
package struct Notify: Sendable {
    private let path: String?
    private let role: String

    package init(role: String, environment: [String: String]) {
        self.role = role
        path = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The role does its work from now on.
    package func ready() { send("READY=1") }
    package func status(_ text: String) { send("STATUS=\(text.replacing("\n", with: " "))") }
    package func stopping() { send("STOPPING=1") }
    /// The role reads its configuration again; `ready` tells that it has.
    package func reloading() { send("RELOADING=1\nMONOTONIC_USEC=\(Int(Clocks.monotonic() * 1e6))") }
    /// Start or stop takes longer, for a reason: the wait for it may last `seconds` more from now.
    package func extendTimeout(seconds: Double) { send("EXTEND_TIMEOUT_USEC=\(Int(seconds * 1e6))") }
    /// The role has got on with its work since the last time.
    package func alive() { send("WATCHDOG=1") }

    /// Any assignments, one a line. Failures are ignored, as the protocol asks.
    package func send(_ assignments: String) {
        guard let path, var address = sockaddr_un(notifyPath: path) else { return }
        #if canImport(Glibc)
            let socket = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        #else
            let socket = socket(AF_UNIX, SOCK_DGRAM, 0)
        #endif
        guard socket >= 0 else { return }
        defer { close(socket) }
        let bytes = Array("\(assignments)\nX_APUS_ROLE=\(role)\n".utf8)
        // systemd's abstract addresses end with their name, not with a zero.
        let length = path.hasPrefix("@") ? address.headCount + path.utf8.count : MemoryLayout<sockaddr_un>.size
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(socket, bytes, bytes.count, Int32(MSG_DONTWAIT), $0, socklen_t(length))
            }
        }
    }
}

extension sockaddr_un {
    /// The address of `path`; nil when it is too long. A path that begins with @ is abstract (unix(7)).
    package init?(notifyPath path: String) {
        self.init()
        sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &sun_path) { bytes -> Bool in
            guard path.utf8.count < bytes.count else { return false }
            bytes.copyBytes(from: path.utf8)
            if path.hasPrefix("@") { bytes[0] = 0 }
            return true
        }
        guard fits else { return nil }
    }

    /// Bytes before the path.
    fileprivate var headCount: Int { MemoryLayout<sockaddr_un>.size - MemoryLayout.size(ofValue: sun_path) }
}
