package import Logging
import Synchronization

/// What this process logs; `/configure_logging` changes it while the process runs.
package enum ProcessLog {
    package enum Format: String, Sendable {
        case text
        /// An object a line.
        case json
    }

    private struct State {
        var level = Logger.Level.info
        var format = Format.text
        var logsRequests = false
    }

    private static let state = Mutex(State())

    package static var level: Logger.Level { state.withLock { $0.level } }
    package static var format: Format { state.withLock { $0.format } }

    /// At which level requests are named: info if `--log-requests` asks for it.
    package static var requestLevel: Logger.Level { state.withLock { $0.logsRequests } ? .info : .debug }

    /// nil: as before. A level that does not exist changes nothing.
    package static func configure(level: String? = nil, format: String? = nil, logsRequests: Bool? = nil) {
        state.withLock { state in
            if let level = level.flatMap(Logger.Level.init(rawValue:)) { state.level = level }
            if let format = format.flatMap(Format.init(rawValue:)) { state.format = format }
            if let logsRequests { state.logsRequests = logsRequests }
        }
    }
}
