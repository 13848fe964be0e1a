import ApusConfiguration
import ApusFront
import ApusObserve
import Logging
import Synchronization

/// Keys and certificates of the front, at the start and when they change.
final class FrontSecrets: Sendable {
    private let role: RoleLaunch
    /// nil: plain HTTP.
    let security: TransportSecurity?
    let access: AccessSettings
    /// Those in force, which a reload may have named.
    private let files: Mutex<ServerSecrets.SecurityFiles?>

    init(_ role: RoleLaunch) throws {
        self.role = role
        let secrets = try ServerSecrets(role.configuration, environment: role.environment)
        for warning in secrets.warnings { role.logger.warning("\(warning)") }
        security = try secrets.security.map { try TransportSecurity(TransportSecurity.Files($0)) }
        access = Self.access(role.configuration, secrets)
        files = Mutex(secrets.security)
    }

    /// Obeys a new configuration; throws before anything has changed.
    func reload(_ fresh: ServeConfiguration, into front: Front) throws {
        let secrets = try ServerSecrets(fresh, environment: role.environment)
        switch (security, secrets.security) {
        case (let security?, let fresh?):
            try security.reload(TransportSecurity.Files(fresh))
            files.withLock { $0 = fresh }
        case (nil, nil): break
        default: role.logger.warning("Only a restart changes between HTTP and HTTPS.")
        }
        front.change(Self.access(fresh, secrets))
    }

    /// Looks every two seconds whether the files of the certificate are others, until the process ends.
    func watchCertificates() async {
        guard let security else { return }
        var stamp = files.withLock { $0 }?.stamp
        while (try? await Task.sleep(for: .seconds(2))) != nil {
            guard let files = files.withLock({ $0 }) else { continue }
            let found = files.stamp
            guard found != stamp else { continue }
            stamp = found
            do {
                try security.reload(TransportSecurity.Files(files))
                role.logger.notice("The certificate has changed and was read again.")
            } catch {
                role.logger.error("The certificate has changed and cannot be used; the old one still is: \(error)")
            }
        }
    }

    private static func access(_ given: ServeConfiguration, _ secrets: ServerSecrets) -> AccessSettings {
        AccessSettings(
            apiKey: secrets.apiKey, adminAPIKey: secrets.adminAPIKey, accessLog: FrontConfiguration.accessLog(given))
    }
}

extension TransportSecurity.Files {
    init(_ files: ServerSecrets.SecurityFiles) {
        self.init(
            certificate: files.certificate, key: files.key, keyPassword: files.keyPassword,
            authorities: files.authorities)
    }
}
