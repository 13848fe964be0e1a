#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The receiving ends of the ring; the name is that of the role and of its socket.
package enum Station: String, Sendable, CaseIterable {
    case front
    case scheduler
    case detokenizer
}

/// The private directory with the sockets of one server: owned by us, mode 0700, not a symbolic link.
package struct RuntimeDirectory: Sendable, Equatable {
    package let path: String

    /// sizeof(sun_path) less the final zero, unix(7).
    package static let longestSocketPath = 107

    /// Where sockets go: `--runtime-dir`, else `$RUNTIME_DIRECTORY` (systemd), else `$XDG_RUNTIME_DIR/apus`, else
    /// `/tmp/apus-<uid>`. Empty values count as absent.
    package static func path(flag: String?, environment: [String: String]) -> String {
        func given(_ value: String?) -> String? { value.flatMap { $0.isEmpty ? nil : $0 } }
        if let flag = given(flag) { return flag }
        // systemd.exec(5): several directories are separated by colons.
        if let first = given(environment["RUNTIME_DIRECTORY"])?.split(separator: ":").first { return String(first) }
        if let base = given(environment["XDG_RUNTIME_DIR"]) { return "\(base)/apus" }
        return "/tmp/apus-\(geteuid())"
    }

    /// Resolves the path as above, and creates or checks the directory.
    package init(flag: String?, environment: [String: String]) throws(WireError) {
        try self.init(path: Self.path(flag: flag, environment: environment))
    }

    /// Creates the directory with its parents, or checks the one that is there.
    package init(path: String) throws(WireError) {
        self.path = Self.trimmed(path)
        try Self.create(self.path)
        try Self.check(self.path)
        for station in Station.allCases where socketPath(of: station).utf8.count > Self.longestSocketPath {
            throw .pathTooLong(socketPath(of: station))
        }
    }

    /// A directory below this one, for one of several servers of the same user.
    package func subdirectory(_ name: String) throws(WireError) -> RuntimeDirectory {
        precondition(!name.isEmpty && !name.contains("/") && name != "." && name != "..", "\(name) is no name")
        return try RuntimeDirectory(path: "\(path)/\(name)")
    }

    package func socketPath(of station: Station) -> String { "\(path)/\(station.rawValue).sock" }

    /// The address that ZeroMQ binds and connects.
    package func address(of station: Station) -> String { "ipc://\(socketPath(of: station))" }

    func lockPath(of station: Station) -> String { "\(path)/\(station.rawValue).lock" }

    /// Removes the sockets, locks and the directory, when every role has ended. What else is in it stays, and so does
    /// the directory then.
    package func remove() {
        for station in Station.allCases {
            _ = unlink(socketPath(of: station))
            _ = unlink(lockPath(of: station))
        }
        _ = rmdir(path)
    }

    private static func trimmed(_ path: String) -> String {
        var path = path[...]
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return String(path)
    }

    private static func create(_ path: String) throws(WireError) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw .failed(call: "mkdir", subject: path, code: errno)
        }
        try create(trimmed(String(path[..<slash])))
        if mkdir(path, 0o700) != 0 && errno != EEXIST { throw .failed(call: "mkdir", subject: path, code: errno) }
    }

    /// By descriptor, so that what is checked is what is there.
    private static func check(_ path: String) throws(WireError) {
        let opened = uninterrupted { open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        switch opened.code {
        case nil: break
        case ELOOP?, ENOTDIR?: throw .directory(path, reason: "is a symbolic link or not a directory")
        case let code?: throw .failed(call: "open", subject: path, code: code)
        }
        let descriptor = Descriptor(opened.result)
        var status = stat()
        guard fstat(descriptor.number, &status) == 0 else {
            throw .failed(call: "fstat", subject: path, code: errno)
        }
        guard status.st_uid == geteuid() else {
            throw .directory(path, reason: "belongs to user \(status.st_uid), not to \(geteuid())")
        }
        guard status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw .directory(path, reason: "has mode \(mode), so that others could reach the sockets: chmod 700 it")
        }
    }
}
