import ApusSupervisor
import ArgumentParser

/// `apus front`: HTTP on one side, the ring on the other.
struct FrontCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "front", abstract: "Run the HTTP front alone, in a shared --runtime-dir.")

    @Argument(parsing: .captureForPassthrough, help: "The flags of apus serve.")
    var arguments: [String] = []

    func run() async throws {
        do {
            try await FrontRole(RoleLaunch(role: .front, arguments: arguments)).run()
        } catch {
            Failure.end(command: "front", with: error)
        }
    }
}
