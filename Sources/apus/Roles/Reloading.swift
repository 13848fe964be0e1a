import ApusConfiguration
import ApusObserve
import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads a role's configuration again when SIGHUP asks for it, and obeys what can change while the role works.
final class Reloading: Sendable {
    private struct State {
        var apply: @Sendable (ServeConfiguration) throws -> Void = { _ in }
        var isReady = false
    }

    private let launch: Launch
    private let reread: @Sendable () throws -> Launch
    private let notify: Notify
    private let logger: Logger
    private let state = Mutex(State())

    init(_ launch: Launch, notify: Notify, logger: Logger, reread: @escaping @Sendable () throws -> Launch) {
        self.launch = launch
        self.notify = notify
        self.logger = logger
        self.reread = reread
    }

    /// The role works from now on.
    func ready() {
        state.withLock { $0.isReady = true }
        notify.ready()
    }

    /// The role gets on; a start that takes long may go on.
    func signOfLife() {
        notify.alive()
        if !state.withLock({ $0.isReady }) { notify.extendTimeout(seconds: Self.patience) }
    }

    /// Seconds that a start may go on after a sign of life.
    private static let patience = 30.0

    /// `apply` makes the most of a new configuration; when it throws, nothing has changed.
    func onReload(_ apply: @escaping @Sendable (ServeConfiguration) throws -> Void) {
        state.withLock { $0.apply = apply }
    }

    /// Called on the signals' thread.
    func ask() {
        let state = state.withLock { $0 }
        notify.reloading()
        do {
            let fresh = try reread().configuration
            try state.apply(fresh)
            ProcessLog.configure(level: fresh.logLevel)
            logger.notice("The configuration was read again.")
            let later = launch.configuration.differences(from: fresh)
                .filter { !ServeConfiguration.changeable.contains($0) }
            if !later.isEmpty {
                logger.warning("Only a restart changes \(later.map { "--\($0)" }.joined(separator: ", ")).")
            }
        } catch {
            logger.error("The configuration was not read again, what held still holds: \(Failure(error).message)")
        }
        if state.isReady { notify.ready() }
    }

    /// Whether SIGHUP asks this process to read its configuration. On a terminal it tells that the terminal is gone, and
    /// then a server ends, unless somebody (nohup) wants it to live on.
    static let isWanted: Bool = {
        var action = sigaction()
        sigaction(SIGHUP, nil, &action)
        if unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1 { return true }
        let terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC)
        guard terminal >= 0 else { return true }
        close(terminal)
        return false
    }()
}
