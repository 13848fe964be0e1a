import ApusConfiguration
import ApusCore
import ApusFront
import ApusObserve
import ApusSupervisor
import ApusWire
import ArgumentParser
import Logging

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// `apus serve`: starts front, scheduler and detokenizer, and keeps them running.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve a model: front, scheduler and detokenizer under one supervisor.")

    @Argument(parsing: .captureForPassthrough, help: "See apus serve --help.")
    var arguments: [String] = []

    func run() throws {
        SignalWatch.block(Supervisor.signals)
        signal(SIGPIPE, SIG_IGN)
        let code: Int32
        do { code = try serve() } catch { Failure.end(command: "serve", with: error) }
        throw ExitCode(code)
    }

    private func serve() throws -> Int32 {
        let environment = Executable.environment
        let launch = try Launch.read(command: "serve", arguments: arguments, environment: environment)
        StandardErrorLog.bootstrap(
            role: "serve", level: launch.configuration.logLevel, format: launch.configuration.logFormat)
        let logger = Logger(label: "apus.serve")
        launch.warn(logger)
        // What the front would refuse is better refused before anything starts.
        if let files = try ServerSecrets(launch.configuration, environment: environment).security {
            _ = try TransportSecurity(TransportSecurity.Files(files))
        }

        let parent = try RuntimeDirectory(flag: launch.configuration.runtimeDirectory, environment: environment)
        Instance.removeStale(in: parent)
        let directory = try parent.subdirectory(Instance.name(of: getpid()))
        defer { Instance.remove(directory) }
        let file = try Self.store(launch, in: directory)

        var timing = Supervision.Timing()
        timing.watchdogTimeout = launch.configuration.watchdogTimeout
        timing.softWatchdogTimeout = launch.configuration.softWatchdogTimeout
        timing.drainTimeout = FrontRole.drainTimeout(launch.configuration) + 5
        let supervisor = try Supervisor(
            plan: ProcessPlan(executable: Executable.path, environment: Self.childEnvironment(environment)) { role in
                [role.rawValue, RoleLaunch.resolvedOption, file]
            },
            supervision: Supervision(timing: timing, seed: UInt64.random(in: .min ... .max)),
            directory: directory.path, notify: Notify(role: "serve", environment: environment), logger: logger,
            reread: Reloading.isWanted ? { try reread(launch, environment, into: directory) } : nil)
        logger.info("starting \(launch.configuration.modelPath ?? "") in \(directory.path)")
        return try supervisor.run()
    }

    private func reread(_ launch: Launch, _ environment: [String: String], into directory: RuntimeDirectory) throws {
        let fresh = try Launch.read(
            command: "serve", arguments: arguments, environment: environment, seed: launch.configuration.randomSeed)
        _ = try ServerSecrets(fresh.configuration, environment: environment)
        _ = try Self.store(fresh, in: directory)
        ProcessLog.configure(level: fresh.configuration.logLevel)
    }

    private static func store(_ launch: Launch, in directory: RuntimeDirectory) throws -> String {
        try Launch(
            configuration: launch.configuration.with(runtimeDirectory: directory.path), command: launch.command
        ).store(in: directory)
    }

    /// Children get their values from the resolved file; keys and our own settings stay out of their environment.
    private static func childEnvironment(_ environment: [String: String]) -> [String: String] {
        environment.filter { name, _ in !name.hasPrefix("APUS_") || name == "APUS_KERNELS" }
    }
}
