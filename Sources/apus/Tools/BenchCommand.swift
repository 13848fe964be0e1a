import ApusCheckpoint
import ApusCore
import ApusEngine
import ApusJSON
import ApusModels
import ApusObserve
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
    @Option(help: "w8a8_int8, int4, int4-32 or int4-128.")
    var quantization: String?
    @Option(help: "auto, bf16, bfloat16 or int8.")
    var kvCacheDtype = "auto"
    @Option(help: "Threads; default: as the server would take.")
    var threads: Int?
    @Option(help: "Prompt lengths, separated by commas. Default: 512.")
    var prefill: String?
    @Option(help: "Streams x context, separated by commas. Default: 1x512,8x256,32x256.")
    var decode: String?
    @Option(
        help: "Texts x tokens of models that make vectors, separated by commas. Default: 1x32,32x32,1x128,8x128,8x512.")
    var texts: String?
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
            guard seconds > 0, seconds <= 3600 else {
                throw Failure("argument --seconds: \(seconds) is not between 0 and 3600", code: Failure.usage)
            }
            let directory = try ModelDirectory.resolve(model, environment: Executable.environment)
            let identity = try ModelIdentity(directory: directory)
            let plan = try ThreadPlan(threads: BenchModel.threads(threads))
            if ModelRegistry.embeddingKind(of: identity.architecture, isAsked: false) == nil {
                try measureDecoder(directory, plan)
            } else {
                try measureTexts(directory, plan)
            }
        } catch {
            Failure.end(command: "bench", with: error)
        }
    }

    // MARK: - Decoders

    private func measureDecoder(_ directory: String, _ plan: ThreadPlan) throws {
        guard texts == nil else {
            throw Failure("argument --texts: only of models that make vectors", code: Failure.usage)
        }
        let element = try BenchModel.elementType(dtype)
        let loader = try ModelLoader(
            directory: directory, weights: BenchModel.weights(loadFormat), elementType: element,
            quantization: BenchModel.quantization(quantization))
        guard !recordExperts || loader.configuration.experts != nil else { throw Self.noExperts }
        let context = loader.configuration.contextLength
        let lengths = try Self.numbers(prefill, else: "512", parts: 1, "--prefill", context: context).map { $0[0] }
        let batches = try Self.numbers(
            decode, else: "1x512,8x256,32x256", parts: 2, "--decode", context: context - 1)
        let cost = try BenchModel.cost(
            loader.configuration, dtype: dtype, quantization: loader.quantization?.name, kvCacheFormat: kvCacheDtype)
        let slots = (lengths + batches.map { $0[0] * ($0[1] + 1) }).max() ?? 1
        try Self.checkRoom(for: slots, of: cost.kvBytes)

        let limits = try machineLimits(plan)
        let decoder = try loader.load(runtime(plan))
        tell(WeightReport(decoder.catalog, decoder.runtime), loader.quantization, decoder.runtime)
        let bench = try StepBench(
            decoder, slotCount: slots, kvFormat: BenchModel.kvFormat(kvCacheDtype, element))
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

    /// The pool is touched as a whole: better no figures than a process that the system kills.
    private static func checkRoom(for slots: Int, of bytes: Int) throws {
        guard let available = SystemMemory()?.available, Double(slots) * Double(bytes) > Double(available) else {
            return
        }
        throw Failure(
            "\(slots) tokens of \(bytes) bytes of keys and values do not fit the \(MemoryBudget.gigabytes(available)) GB "
                + "that are free", code: Failure.configuration)
    }

    // MARK: - Models that make vectors

    private func measureTexts(_ directory: String, _ plan: ThreadPlan) throws {
        guard !recordExperts else { throw Self.noExperts }
        for (name, value) in [("--prefill", prefill), ("--decode", decode)] where value != nil {
            throw Failure(
                "argument \(name): only of models that generate; --texts is for this one", code: Failure.usage)
        }
        let loader = try EmbeddingLoader(
            directory: directory, isAsked: false, weights: BenchModel.weights(loadFormat),
            elementType: BenchModel.elementType(dtype), quantization: BenchModel.quantization(quantization))
        guard kvCacheDtype == "auto" else {
            throw Failure("argument --kv-cache-dtype: only of models that generate", code: Failure.usage)
        }
        let batches = try Self.numbers(
            texts, else: "1x32,32x32,1x128,8x128,8x512", parts: 2, "--texts", context: loader.contextLength)
        let cost = loader.encoder.map {
            StepCost($0, elementType: loader.elementType, quantization: loader.quantization)
        }

        let limits = try machineLimits(plan)
        let model = try loader.load(runtime(plan))
        tell(WeightReport(model.catalog, model.runtime), model.quantization, model.runtime)
        let bench = try EmbeddingBench(model, tokenCapacity: batches.map { $0[0] * $0[1] }.max() ?? 1)
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

    // MARK: - Both

    private func machineLimits(_ plan: ThreadPlan) throws -> MachineLimits? {
        guard !noMachine else { return nil }
        let watch = ProcessorWatch()
        let limits = try MachineProbe(threads: plan.threadCount, cores: plan.processors).measure()
        if let caution = MachineReport.caution(others: watch.othersShare()) {
            StandardErrorLog.write("apus bench: warning: \(caution), and shares of them too high\n")
        }
        return limits
    }

    private func runtime(_ plan: ThreadPlan) throws -> TensorRuntime {
        try TensorRuntime(threads: plan.threadCount, cores: plan.processors, placesMemory: plan.nodeCount > 1)
    }

    /// Which way the arithmetic takes.
    private func tell(_ report: WeightReport, _ scheme: Quantization?, _ runtime: TensorRuntime) {
        let threads = runtime.pool.threadCount
        guard !json else {
            return print(
                JSONValue.object([
                    "name": "setup", "kernels": .string(runtime.kernelName), "threads": JSONValue(threads),
                    "dtype": .string(dtype),
                    "quantization": scheme.map { .string($0.name) } ?? .null,
                    "kv_cache_dtype": .string(kvCacheDtype),
                    "weights": WeightSummary(report, quantization: scheme, kernels: runtime.kernelName).json,
                ]))
        }
        print(
            "kernels \(runtime.kernelName), \(threads) threads, \(([dtype, scheme?.name].compactMap(\.self)).joined(separator: ", "))"
        )
        for line in report.lines {
            if let arithmetic = line.arithmetic { print("    \(line.kind) in \(line.dtype), \(arithmetic)") }
        }
    }

    /// "1x512,8x256" as numbers.
    ///
    /// - Parameters:
    ///   - usual: Measured when nothing is given, as far as it fits.
    ///   - context: Most that the last number of each may be.
    private static func numbers(
        _ given: String?, else usual: String, parts: Int, _ flag: String, context: Int
    ) throws -> [[Int]] {
        try (given ?? usual).split(separator: ",").compactMap { item in
            let numbers = item.split(separator: "x", omittingEmptySubsequences: false).compactMap { Int($0) }
            guard numbers.count == parts, numbers.allSatisfy({ (1...1 << 24).contains($0) }) else {
                throw Failure("argument \(flag): invalid value: '\(item)'", code: Failure.usage)
            }
            if numbers[parts - 1] <= context { return numbers }
            guard given != nil else { return nil }
            throw Failure(
                "argument \(flag): '\(item)' is longer than the model's context has room for: \(context) tokens",
                code: Failure.usage)
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
        // Small models stay in the caches, which read faster than memory.
        if share ?? 0 > 1 { line += " (of memory: the weights stay in the caches)" }
        let parts = kinds.map { "\($0.rawValue) \(tenths((figure.outcome.shares[$0] ?? 0) * 100))%" }
        print("\(line)\n    \(parts.joined(separator: ", ")), elsewhere \(tenths(elsewhere * 100))%")
    }
}
