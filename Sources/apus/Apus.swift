import ArgumentParser

/// The one executable: a server of three processes, each of its roles alone, and tools.
///
/// Commands run on the main thread, so that what they block there (signals) is blocked everywhere.
@main
struct Apus: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus", abstract: "Serves language models on CPUs over SGLang's HTTP API.",
        version: Version.text,
        subcommands: [
            ServeCommand.self, FrontCommand.self, SchedulerCommand.self, DetokenizerCommand.self,
            InspectCommand.self, BenchCommand.self, GrammarCommand.self, ExpertPlotCommand.self, QuantizeCommand.self,
            VersionCommand.self, SettingsCommand.self, ManualCommand.self, CompletionsCommand.self,
        ])
}
