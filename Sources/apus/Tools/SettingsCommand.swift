import ApusConfiguration
import ArgumentParser

/// `apus settings`: the sample configuration file.
struct SettingsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings", abstract: "Print a configuration file with every setting and its default.")

    func run() {
        print(SampleFile.render(), terminator: "")
    }
}
