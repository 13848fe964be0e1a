import ApusSupervisor
import ArgumentParser

/// `apus front`: HTTP on one side, the ring on the other.
struct FrontCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "front", abstract: "Run the HTTP front alone, in a shared --runtime-dir.")

    @Argument(parsing: .captureForPassthrough, help: "The flags of apus serve.")
    var arguments: [String] = []

    func run() throws {
        do {
            try FrontRole(RoleLaunch(role: .front, arguments: arguments)).runToTheEnd()
        } catch {
            Failure.end(command: "front", with: error)
        }
    }
}
