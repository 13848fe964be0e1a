import ApusObserve

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The receiving end of `Notify`: a datagram socket in the private runtime directory.
final class NotifySocket {
    let path: String
    let descriptor: Int32

    init(path: String) throws(SupervisorError) {
        guard var address = sockaddr_un(notifyPath: path) else {
            throw SupervisorError(call: "bind", subject: path, code: ENAMETOOLONG)
        }
        #if canImport(Glibc)
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        #else
            descriptor = socket(AF_UNIX, SOCK_DGRAM, 0)
        #endif
        guard descriptor >= 0 else { throw SupervisorError(call: "socket", subject: path, code: errno) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        self.path = path
        unlink(path)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let code = errno
            close(descriptor)
            throw SupervisorError(call: "bind", subject: path, code: code)
        }
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    /// What has come; empty when nothing (more) has.
    func receive() -> [Supervision.Event] {
        var events: [Supervision.Event] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return events }
            events += Self.events(in: String(decoding: buffer[..<count], as: UTF8.self))
        }
    }

    /// The events of one datagram of sd_notify(3); what is not known is skipped.
    static func events(in text: String) -> [Supervision.Event] {
        var role: Role?
        var assignments: [(Substring, Substring)] = []
        for line in text.split(separator: "\n") {
            guard let sign = line.firstIndex(of: "=") else { continue }
            let (key, value) = (line[..<sign], line[line.index(after: sign)...])
            if key == "X_APUS_ROLE" { role = Role(rawValue: String(value)) } else { assignments.append((key, value)) }
        }
        guard let role else { return [] }
        return assignments.compactMap { key, value in
            switch (key, value) {
            case ("READY", "1"): .ready(role)
            case ("STATUS", _): .status(role, String(value))
            case ("WATCHDOG", "1"): .alive(role)
            default: nil
            }
        }
    }
}
