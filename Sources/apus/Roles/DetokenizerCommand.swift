import ApusConfiguration
import ApusDetokenizer
import ApusObserve
import ApusSupervisor
import ApusText
import ApusWire
import ArgumentParser

/// `apus detokenizer`: token streams into text.
struct DetokenizerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detokenizer", abstract: "Run the detokenizer alone, in a shared --runtime-dir.")

    @Argument(parsing: .captureForPassthrough, help: "The flags of apus serve.")
    var arguments: [String] = []

    func run() throws {
        do {
            try serve(RoleLaunch(role: .detokenizer, arguments: arguments))
        } catch {
            Failure.end(command: "detokenizer", with: error)
        }
    }

    private func serve(_ role: RoleLaunch) throws {
        let tokenizer = try Tokenizer(directory: ModelFiles.tokenizerDirectory(role.withModelThere()))
        let wake = try WakeSignal()
        let context = try ZeroMQContext()
        let detokenizer = Detokenizer(
            configuration: DetokenizerConfiguration(maxStates: role.configuration.environment.detokenizerMaxStates),
            tokenizer: tokenizer,
            inbox: try ZeroMQInbox<SchedulerToDetokenizer>(
                .detokenizer, in: role.directory, context: context, wake: wake),
            front: try ZeroMQOutbox<DetokenizerToFront>(to: .front, in: role.directory, context: context),
            logger: role.logger)
        role.ending.onAsk { wake.wake() }
        role.reloading.ready()
        var sign = LifeSign(role)
        detokenizer.run {
            sign.give()
            return role.ending.isAsked
        }
        role.notify.stopping()
    }
}
