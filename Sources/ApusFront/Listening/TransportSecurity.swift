import NIOCore
import NIOSSL
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Certificate and key of the server. They may change while it runs: connections keep what they began with.
package final class TransportSecurity: Sendable {
    /// Where they are; all in PEM.
    package struct Files: Sendable, Equatable {
        /// The server's certificate, then those between it and its root.
        package var certificate: String
        package var key: String
        /// Of an encrypted key.
        package var keyPassword: String?
        /// Who may have signed a client's certificate; nil: clients are not asked for one.
        package var authorities: String?

        package init(certificate: String, key: String, keyPassword: String? = nil, authorities: String? = nil) {
            self.certificate = certificate
            self.key = key
            self.keyPassword = keyPassword
            self.authorities = authorities
        }
    }

    package struct Failure: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    private let state: Mutex<NIOSSLContext>

    package init(_ files: Files) throws(Failure) {
        state = Mutex(try Self.read(files))
    }

    /// What the next connection begins with.
    var context: NIOSSLContext { state.withLock { $0 } }

    /// Reads everything anew; when it throws, nothing has changed.
    package func reload(_ files: Files) throws(Failure) {
        let context = try Self.read(files)
        state.withLock { $0 = context }
    }

    private static func read(_ files: Files) throws(Failure) -> NIOSSLContext {
        let chain = try part("--ssl-certfile", files.certificate) { try NIOSSLCertificate.fromPEMFile($0) }
        guard !chain.isEmpty else {
            throw Failure(description: "--ssl-certfile: \(files.certificate): it holds no certificate")
        }
        let key = try part("--ssl-keyfile", files.key) { path in
            // Without a password an encrypted key must fail, not ask on the terminal.
            try NIOSSLPrivateKey(file: path, format: .pem) { $0((files.keyPassword ?? "").utf8) }
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if let path = files.authorities {
            let authorities = try part("--ssl-ca-certs", path) { try NIOSSLCertificate.fromPEMFile($0) }
            configuration.trustRoots = .certificates(authorities)
            configuration.certificateVerification = .optionalVerification
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw Failure(
                description: "--ssl-keyfile: \(files.key) does not belong to the certificate in \(files.certificate)")
        }
    }

    private static func part<Part>(_ flag: String, _ path: String, _ read: (String) throws -> Part) throws(Failure)
        -> Part
    {
        do {
            return try read(path)
        } catch let error as IOError {
            throw Failure(description: "\(flag): \(path): \(String(cString: strerror(error.errnoCode)))")
        } catch {
            throw Failure(description: "\(flag): \(path): not in PEM, or encrypted with another password")
        }
    }
}
