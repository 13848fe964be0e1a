import ApusSupervisor
import ArgumentParser

/// `apus scheduler`: weights, KV pool, batches.
struct SchedulerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scheduler", abstract: "Run the scheduler alone, in a shared --runtime-dir.")

    @Argument(parsing: .captureForPassthrough, help: "The flags of apus serve.")
    var arguments: [String] = []

    func run() throws {
        do {
            try SchedulerRole(RoleLaunch(role: .scheduler, arguments: arguments)).run()
        } catch {
            Failure.end(command: "scheduler", with: error)
        }
    }
}
