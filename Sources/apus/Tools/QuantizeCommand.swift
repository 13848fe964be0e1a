import ApusCheckpoint
import ApusEngine
import ApusModels
import ApusObserve
import ApusTensor
import ArgumentParser
import Logging

/// `apus quantize IN OUT`: what `--quantization` does at each start, done once.
struct QuantizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quantize", abstract: "Write a model with quantised weights.",
        discussion:
            "The layout is compressed-tensors', and says in config.json what it is: no flag is needed to serve it.")

    @Argument(help: "Folder or cached hub name of a model.")
    var model: String

    @Argument(help: "Folder to be made.")
    var output: String

    @Option(help: "w8a8_int8, int4 (a scale per 32 inputs), int4-32 or int4-128.")
    var quantization: String

    @Option(help: "Threads. Default: what the process may use.")
    var threads: Int?

    func run() {
        do {
            let scheme = try BenchModel.scheme(quantization)
            let plan = try ThreadPlan(threads: BenchModel.threads(threads))
            let environment = Executable.environment
            Allocator.configure(environment: environment)
            StandardErrorLog.bootstrap(role: "quantize", level: "info", format: "text")
            let logger = Logger(label: "apus.quantize")
            let loader = try ModelLoader(
                directory: ModelDirectory.resolve(model, environment: environment), quantization: scheme)
            let quantizer = try CheckpointQuantizer(loader, TensorRuntime(threads: plan.threadCount))
            let bar = LoadProgress.standardError(title: "Quantising weights", logger: logger)
            try quantizer.write(to: output) { bar.update($0) }
            logger.info("\(output): \(scheme.name)")
        } catch {
            Failure.end(command: "quantize", with: error)
        }
    }
}
