import ApusConfiguration
import ApusCore
import ApusObserve
import ApusSupervisor
import ApusWire
import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What every role does before its own work: configuration, log, allocator, signals, the tie to its parent.
struct RoleLaunch: Sendable {
    private(set) var launch: Launch
    let directory: RuntimeDirectory
    let logger: Logger
    let notify: Notify
    let ending: Ending
    let reloading: Reloading
    let environment: [String: String]
    // Kept so that the threads are not forgotten; they run until the process ends.
    private let threads: [NamedThread]

    var configuration: ServeConfiguration { launch.configuration }

    /// Followed by a file of `Launch.store`: the role is a supervisor's child.
    static let resolvedOption = "--resolved-configuration"
    private static let signals = [SIGTERM, SIGINT, SIGHUP]

    init(role: Role, arguments: [String]) throws {
        SignalWatch.block(Self.signals)
        signal(SIGPIPE, SIG_IGN)
        Executable.raiseDescriptorLimit()
        let environment = Executable.environment
        Allocator.configure(environment: environment)
        let ending = Ending()
        let isChild = arguments.count == 2 && arguments[0] == Self.resolvedOption
        var threads = isChild ? [Lifeline.hold(ProcessPlan.lifelineDescriptor)] : []
        let launch =
            try isChild
            ? Launch(file: arguments[1])
            : Launch.read(command: role.rawValue, arguments: arguments, environment: environment)
        let given = launch.configuration
        StandardErrorLog.bootstrap(
            role: role.rawValue, level: given.logLevel, format: given.logFormat, logsRequests: given.logsRequests)
        let logger = Logger(label: "apus.\(role.rawValue)")
        launch.warn(logger)
        let notify = Notify(role: role.rawValue, environment: environment)
        // A supervisor's child is told by its supervisor, which has read everything again.
        let isReloadWanted = isChild || Reloading.isWanted
        let reloading = Reloading(launch, notify: notify, logger: logger) {
            try isChild
                ? Launch(file: arguments[1])
                : Launch.read(
                    command: role.rawValue, arguments: arguments, environment: environment,
                    seed: launch.configuration.randomSeed)
        }
        threads.append(
            SignalWatch.start(Self.signals) { signal in
                if signal == SIGHUP, isReloadWanted { reloading.ask() } else { ending.ask() }
            })
        directory = try RuntimeDirectory(flag: launch.configuration.runtimeDirectory, environment: environment)
        self.launch = launch
        self.logger = logger
        self.notify = notify
        self.reloading = reloading
        self.environment = environment
        self.ending = ending
        self.threads = threads
    }

    /// The same, for another model.
    func with(modelPath: String) -> RoleLaunch {
        var copy = self
        copy.launch.configuration = launch.configuration.with(modelPath: modelPath)
        return copy
    }
}

extension RoleLaunch {
    /// Seconds that whoever waits for the start should go on waiting after each sign of progress.
    private static let patience = 90.0

    /// How far the weights are read, 0...1.
    func report(loaded share: Double) {
        notify.status("loading \(Int(share * 100))%")
        notify.extendTimeout(seconds: Self.patience)
    }
}

/// The wish that this process ends, from a signal to whoever can fulfil it.
final class Ending: Sendable {
    private struct State {
        var isAsked = false
        var fulfil: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    var isAsked: Bool { state.withLock { $0.isAsked } }

    /// The first time the work that was begun ends in order; before there is any, and the second time, the process ends
    /// at once.
    func ask() {
        let fulfil = state.withLock { state -> (@Sendable () -> Void)? in
            defer { state.isAsked = true }
            return state.isAsked ? nil : state.fulfil
        }
        guard let fulfil else { _exit(0) }
        fulfil()
    }

    /// From now on `fulfil` ends the process in order; called from the signals' thread.
    func onAsk(_ fulfil: @escaping @Sendable () -> Void) {
        state.withLock { $0.fulfil = fulfil }
    }
}
