import ApusConfiguration
import ArgumentParser

/// `apus manual`: the manual page.
struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual", abstract: "Print the manual page: apus manual | man -l -")

    func run() {
        print(ManualPage.render(commands: Apus.documented, version: Version.text), terminator: "")
    }
}

/// `apus completions`: what a shell needs to complete command lines.
struct CompletionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions", abstract: "Print completions for a shell: bash, zsh or fish.")

    @Argument(help: "bash, zsh or fish.")
    var shell: Completions.Shell

    func run() {
        print(Completions.render(shell, commands: Apus.documented), terminator: "")
    }
}

extension Completions.Shell: ExpressibleByArgument {}

extension Apus {
    /// All commands, for documents.
    fileprivate static var documented: [DocumentedCommand] {
        let serving: [any ParsableCommand.Type] = [
            ServeCommand.self, FrontCommand.self, SchedulerCommand.self, DetokenizerCommand.self,
        ]
        return configuration.subcommands.map { command in
            DocumentedCommand(
                name: command._commandName, abstract: command.configuration.abstract,
                takesFlags: serving.contains { $0 == command })
        }
    }
}
