#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Keys and certificates, read where they are: from flags, from files that flags name, or from systemd's credentials
/// (`apus.api-key` and so on in `$CREDENTIALS_DIRECTORY`). Only the front needs them, and reads them itself.
package struct ServerSecrets: Sendable, Equatable {
    package private(set) var apiKey: String?
    package private(set) var adminAPIKey: String?
    /// nil: plain HTTP.
    package private(set) var security: SecurityFiles?
    /// What an operator should know about how they are kept.
    package private(set) var warnings: [String] = []

    /// PEM files of TLS.
    package struct SecurityFiles: Sendable, Equatable {
        package var certificate: String
        package var key: String
        package var keyPassword: String?
        package var authorities: String?

        package init(certificate: String, key: String, keyPassword: String? = nil, authorities: String? = nil) {
            self.certificate = certificate
            self.key = key
            self.keyPassword = keyPassword
            self.authorities = authorities
        }

        /// Another value when one of the files has become another.
        package var stamp: [String] {
            [certificate, key, authorities].compactMap(\.self).map { path in
                var status = stat()
                guard stat(path, &status) == 0 else { return path }
                #if canImport(Glibc)
                    let time = status.st_mtim
                #else
                    let time = status.st_mtimespec
                #endif
                return "\(path) \(status.st_ino) \(status.st_size) \(time.tv_sec).\(time.tv_nsec)"
            }
        }
    }

    private static let longestKey = 4096

    package init(_ given: ServeConfiguration, environment: [String: String]) throws(ConfigurationError) {
        let credentials = Credentials(directory: environment["CREDENTIALS_DIRECTORY"])
        apiKey = try key("api-key", given, credentials)
        adminAPIKey = try key("admin-api-key", given, credentials)
        if adminAPIKey != nil, apiKey == adminAPIKey {
            throw ConfigurationError("argument --admin-api-key: the same as --api-key, which protects nothing more")
        }
        security = try Self.security(given, credentials)
    }

    private mutating func key(
        _ name: String, _ given: ServeConfiguration, _ credentials: Credentials
    ) throws(ConfigurationError) -> String? {
        let (key, file) = (given.text(name), given.text("\(name)-file"))
        guard key == nil || file == nil else {
            throw ConfigurationError("argument --\(name)-file: --\(name) is given as well")
        }
        if let key { return key }
        if let file {
            let (key, isOpen) = try Self.read(file, flag: "\(name)-file")
            if isOpen { warnings.append("--\(name)-file: every user may read \(file)") }
            return key
        }
        guard let file = credentials.path(name) else { return nil }
        return try Self.read(file, flag: "\(name)-file").key
    }

    private static func security(
        _ given: ServeConfiguration, _ credentials: Credentials
    ) throws(ConfigurationError) -> SecurityFiles? {
        let key = given.text("ssl-keyfile") ?? credentials.path("ssl-keyfile")
        let certificate = given.text("ssl-certfile") ?? credentials.path("ssl-certfile")
        guard let key, let certificate else {
            if key != nil { throw ConfigurationError("argument --ssl-keyfile: needs --ssl-certfile") }
            if certificate != nil { throw ConfigurationError("argument --ssl-certfile: needs --ssl-keyfile") }
            for name in ["ssl-ca-certs", "ssl-keyfile-password"] where given.text(name) != nil {
                throw ConfigurationError("argument --\(name): needs --ssl-certfile and --ssl-keyfile")
            }
            return nil
        }
        var password = given.text("ssl-keyfile-password")
        if password == nil, let file = credentials.path("ssl-keyfile-password") {
            password = try read(file, flag: "ssl-keyfile-password").key
        }
        return SecurityFiles(
            certificate: certificate, key: key, keyPassword: password, authorities: given.text("ssl-ca-certs"))
    }

    /// The first line, and whether every user of the machine may read it.
    private static func read(_ path: String, flag: String) throws(ConfigurationError) -> (key: String, isOpen: Bool) {
        guard let file = fopen(path, "rbe") else {
            throw ConfigurationError("argument --\(flag): \(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: longestKey + 2)
        let line = bytes[..<fread(&bytes, 1, bytes.count, file)].prefix { $0 != UInt8(ascii: "\n") }
        guard line.count <= longestKey, let text = String(validating: line, as: UTF8.self),
            !text.unicodeScalars.dropLast().contains(where: { $0.properties.isWhitespace })
        else {
            throw ConfigurationError("argument --\(flag): \(path): the first line is no key")
        }
        let key = text.hasSuffix("\r") ? String(text.dropLast()) : text
        guard !key.isEmpty else { throw ConfigurationError("argument --\(flag): \(path): the first line is empty") }
        var status = stat()
        let isOpen = fstat(fileno(file), &status) == 0 && status.st_mode & 0o004 != 0
        return (key, isOpen)
    }
}

/// The credentials that systemd gives to a service (systemd.exec(5), LoadCredential).
private struct Credentials {
    let directory: String?

    /// The file of `apus.<name>`; nil when it was not given.
    func path(_ name: String) -> String? {
        guard let directory, !directory.isEmpty else { return nil }
        let path = "\(directory)/apus.\(name)"
        return access(path, F_OK) == 0 ? path : nil
    }
}
