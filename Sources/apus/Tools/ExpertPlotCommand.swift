import ApusExperts
import ArgumentParser

/// `apus expert-plot`: a recorded distribution of experts as a picture, and how even it is.
struct ExpertPlotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expert-plot", abstract: "Draw a recorded expert distribution as a heat map.")

    @Argument(help: "A table that /dump_expert_distribution_record wrote (CSV).")
    var file: String

    @Option(name: .shortAndLong, help: "Where the picture goes (SVG). Default: beside the table.")
    var output: String?

    @Option(help: "Experts of a layer. Default: as many as the highest number in the table says.")
    var experts: Int?

    func validate() throws {
        if let experts, !(1...65_536).contains(experts) {
            throw ValidationError("--experts must be between 1 and 65536")
        }
    }

    func run() {
        do {
            let map = ExpertHeatMap(try ExpertTable(path: file, expertCount: experts))
            let path = output ?? (file.hasSuffix(".csv") ? String(file.dropLast(4)) : file) + ".svg"
            try map.write(to: path)
            print(map.summary, terminator: "")
            print(path)
        } catch {
            Failure.end(command: "expert-plot", with: error)
        }
    }
}
