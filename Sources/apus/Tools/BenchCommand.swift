import ApusCheckpoint
import ApusCore
import ApusEngine
import ApusJSON
import ApusModels
import ApusTensor
import ArgumentParser

/// `apus bench`: the engine's speed without a server, against the limits of this machine.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Time a model's steps, show where the time goes, and compare with the machine's limits.")

    @Argument(help: "Folder or cached hub name of a model.")
    var model: String
    @Option(help: "auto, or dummy: random weights, only config.json is read.")
    var loadFormat = "auto"
    @Option(help: "float32 or bfloat16.")
    var dtype = "bfloat16"
    @Option(help: "w8a8_int8, int4 or int4-128.")
    var quantization: String?
    @Option(help: "auto or int8.")
    var kvCacheDtype = "auto"
    @Option(help: "Threads; default: as the server would take.")
    var threads: Int?
    @Option(help: "Prompt lengths, separated by commas.")
    var prefill = "512"
    @Option(help: "Streams x context, separated by commas.")
    var decode = "1x512,8x256,32x256"
    @Option(help: "Texts x tokens of models that make vectors, separated by commas.")
    var texts = "1x32,32x32,1x128,8x128,8x512"
    @Option(help: "Seconds for each figure.")
    var seconds = 3.0
    @Flag(help: "After each decode figure, what recording experts adds to a step.")
    var recordExperts = false
    @Flag(help: "Leave the machine's limits unmeasured.")
    var noMachine = false
    @Flag(help: "Print JSON, a line a figure.")
    var json = false

    private struct Figure {
        let title: String
        /// Tokens, or texts, of a step.
        let count: Int
        let unit: String
        let outcome: BenchOutcome
        /// Shortest possible time; nil: limits unknown.
        let floor: Double?
    }

    func run() {
        do {
            let directory = try ModelDirectory.resolve(model, environment: Executable.environment)
            let identity = try ModelIdentity(directory: directory)
            let plan = try ThreadPlan(threads: threads)
            let limits: MachineLimits? =
                noMachine ? nil : try MachineProbe(threads: plan.threadCount, cores: plan.processors).measure()
            let runtime = try TensorRuntime(
                threads: plan.threadCount, cores: plan.processors, placesMemory: plan.nodeCount > 1)
            if !json {
                print("kernels \(runtime.kernelName), \(plan.threadCount) threads, \(dtype) \(quantization ?? "")")
            }
            if ModelRegistry.embeddingKind(of: identity.architecture, isAsked: false) == nil {
                try measureDecoder(directory, runtime, limits)
            } else {
                try measureTexts(directory, runtime, limits)
            }
        } catch {
            Failure.end(command: "bench", with: error)
        }
    }

    private var weights: ModelLoader.Weights { loadFormat == "dummy" ? .random : .checkpoint }

    private func measureDecoder(_ directory: String, _ runtime: TensorRuntime, _ limits: MachineLimits?) throws {
        let lengths = try Self.numbers(prefill, parts: 1, "--prefill").map { $0[0] }
        let batches = try Self.numbers(decode, parts: 2, "--decode")
        let element = try BenchModel.elementType(dtype)
        let loader = try ModelLoader(
            directory: directory, weights: weights, elementType: element,
            quantization: BenchModel.quantization(quantization))
        guard !recordExperts || loader.configuration.experts != nil else { throw Self.noExperts }
        let cost = try BenchModel.cost(
            loader.configuration, dtype: dtype, quantization: loader.quantization?.name, kvCacheFormat: kvCacheDtype)
        let slots = (lengths + batches.map { $0[0] * ($0[1] + 1) }).max() ?? 1
        let bench = try StepBench(
            loader.load(runtime), slotCount: slots, kvFormat: BenchModel.kvFormat(kvCacheDtype, element))
        for length in lengths {
            show(
                Figure(
                    title: "prefill \(length)", count: length, unit: "tokens",
                    outcome: try bench.prefill(length: length, seconds: seconds),
                    floor: limits.map { cost.prefillSeconds(length: length, on: $0) }))
        }
        for batch in batches {
            show(
                Figure(
                    title: "decode \(batch[0]) x \(batch[1])", count: batch[0], unit: "tokens",
                    outcome: try bench.decode(streams: batch[0], context: batch[1], seconds: seconds),
                    floor: limits.map { cost.decodeSeconds(batch: batch[0], context: batch[1], on: $0) }))
            guard recordExperts else { continue }
            guard let share = try bench.recordingCost(streams: batch[0], context: batch[1], seconds: seconds)
            else { continue }
            if json {
                print(
                    JSONValue.object([
                        "name": .string("recording experts, decode \(batch[0]) x \(batch[1])"), "share": .double(share),
                    ]).description)
            } else {
                print("    recording experts: \((share * 1e4).rounded() / 100)%")
            }
        }
    }

    private static var noExperts: Failure {
        Failure("argument --record-experts: no model that generates and has experts", code: Failure.usage)
    }

    private func measureTexts(_ directory: String, _ runtime: TensorRuntime, _ limits: MachineLimits?) throws {
        guard !recordExperts else { throw Self.noExperts }
        let batches = try Self.numbers(texts, parts: 2, "--texts")
        let element = try BenchModel.elementType(dtype)
        let quantization = try BenchModel.quantization(quantization)
        let loader = try EmbeddingLoader(
            directory: directory, isAsked: false, weights: weights, elementType: element, quantization: quantization)
        let cost = loader.encoder.map { StepCost($0, elementType: element, quantization: quantization) }
        let bench = try EmbeddingBench(
            loader.load(runtime), tokenCapacity: batches.map { $0[0] * $0[1] }.max() ?? 1)
        for batch in batches {
            show(
                Figure(
                    title: "texts \(batch[0]) x \(batch[1])", count: batch[0], unit: "texts",
                    outcome: try bench.run(texts: batch[0], length: batch[1], seconds: seconds),
                    floor: limits.flatMap { limits in
                        cost?.encodeSeconds(texts: batch[0], length: batch[1], on: limits)
                    }))
        }
    }

    /// "1x512,8x256" as numbers.
    private static func numbers(_ text: String, parts: Int, _ flag: String) throws -> [[Int]] {
        try text.split(separator: ",").map { item in
            let numbers = item.split(separator: "x").compactMap { Int($0) }.filter { $0 > 0 }
            guard numbers.count == parts else {
                throw Failure("argument \(flag): invalid value: '\(item)'", code: Failure.usage)
            }
            return numbers
        }
    }

    private func show(_ figure: Figure) {
        let rate = Double(figure.count) / figure.outcome.seconds
        let share = figure.floor.map { $0 / figure.outcome.seconds }
        let kinds = OperationProfile.Kind.allCases
        let elsewhere = 1 - figure.outcome.shares.values.reduce(0, +)
        guard !json else {
            var object: JSONObject = [
                "name": .string(figure.title), "\(figure.unit)_per_second": .double(rate),
                "step_ms": .double(figure.outcome.seconds * 1e3), "elsewhere": .double(elsewhere),
            ]
            if let share { object["of_limit"] = .double(share) }
            for kind in kinds { object[kind.rawValue] = .double(figure.outcome.shares[kind] ?? 0) }
            return print(JSONValue.object(object))
        }
        let milliseconds = tenths(figure.outcome.seconds * 1e3)
        var line = "\(figure.title): \(tenths(rate)) \(figure.unit)/s, \(milliseconds) ms a step"
        if let share { line += ", \(Int((share * 100).rounded()))% of this machine's limit" }
        let parts = kinds.map { "\($0.rawValue) \(tenths((figure.outcome.shares[$0] ?? 0) * 100))%" }
        print("\(line)\n    \(parts.joined(separator: ", ")), elsewhere \(tenths(elsewhere * 100))%")
    }
}
