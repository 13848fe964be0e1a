import Synchronization

/// What may change while the server runs; each request is judged by what holds when it comes.
package struct AccessSettings: Sendable {
    /// Bearer keys; nil: not asked for.
    package var apiKey: String?
    package var adminAPIKey: String?
    /// Takes one access log line; nil: none are made.
    package var accessLog: (@Sendable (AccessEntry) -> Void)?

    package init(
        apiKey: String? = nil, adminAPIKey: String? = nil, accessLog: (@Sendable (AccessEntry) -> Void)? = nil
    ) {
        self.apiKey = apiKey
        self.adminAPIKey = adminAPIKey
        self.accessLog = accessLog
    }
}

/// The settings in force.
final class LiveSettings: Sendable {
    private let state: Mutex<AccessSettings>

    init(_ settings: AccessSettings) {
        state = Mutex(settings)
    }

    var current: AccessSettings {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }

    var authorization: Authorization {
        let settings = current
        return Authorization(apiKey: settings.apiKey, adminKey: settings.adminAPIKey)
    }
}
