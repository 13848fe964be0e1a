import ApusCheckpoint
import ApusConfiguration
import ApusCore
import ApusEngine
import ApusModels
import ApusTensor
import ArgumentParser

/// `apus inspect`: what a model is, what this machine is, and how the one fits the other. Loads nothing.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show facts of a model and of this machine.")

    @Argument(help: "Folder or cached hub name of a model; none: the bundled model.")
    var model: String?

    @Option(help: "float32 or bfloat16.")
    var dtype = "bfloat16"
    @Option(help: "As a server with this flag would keep the weights: w8a8_int8, int4, int4-32 or int4-128.")
    var quantization: String?
    @ArgumentParser.Flag(help: "As a server with this flag would take the model: to make embeddings.")
    var isEmbedding = false
    @ArgumentParser.Flag(help: "Measure this machine's limits (ten seconds), and tell what they leave to the model.")
    var machine = false
    @ArgumentParser.Flag(help: "With --machine: as JSON, for apus-bench --machine-limits.")
    var json = false

    func run() {
        do {
            guard !json || machine else {
                throw Failure("argument --json: only with --machine", code: Failure.usage)
            }
            guard quantization == nil || model != nil || !machine else {
                throw Failure("argument --quantization: only of a model", code: Failure.usage)
            }
            guard !isEmbedding || !machine else {
                throw Failure("argument --is-embedding: not with --machine", code: Failure.usage)
            }
            if machine {
                let plan = try ThreadPlan()
                let report = try MachineReport(threads: plan.threadCount, cores: plan.processors, cost: cost())
                guard !json else { return print(report.json) }
                return Self.show(report.facts)
            }
            Self.show(try machineFacts() + modelFacts())
        } catch {
            Failure.end(command: "inspect", with: error)
        }
    }

    /// What the model's steps cost; nil when `--machine` stands alone.
    private func cost() throws -> StepCost? {
        guard let model else { return nil }
        let directory = try ModelDirectory.resolve(model, environment: Executable.environment)
        let architecture = try ModelIdentity(directory: directory).architecture
        guard ModelRegistry.embeddingKind(of: architecture, isAsked: false)?.isEncoder != true else {
            throw Failure(
                "argument --machine: ceilings are those of decoders; apus bench tells an encoder's", code: Failure.usage
            )
        }
        // No weights are asked for.
        let loader = try self.loader(directory, weights: .random)
        return try BenchModel.cost(
            loader.configuration, dtype: dtype, quantization: loader.quantization?.name, kvCacheFormat: "auto")
    }

    private func loader(_ directory: String, weights: ModelLoader.Weights = .checkpoint) throws -> ModelLoader {
        try ModelLoader(
            directory: directory, weights: weights, elementType: BenchModel.elementType(dtype),
            quantization: BenchModel.quantization(quantization))
    }

    private static func show(_ facts: [(String, String)]) {
        for (name, value) in facts {
            let name = name.isEmpty ? "" : "\(name):"
            print("\(name)\(String(repeating: " ", count: max(1, 25 - name.count)))\(value)")
        }
    }

    /// How many experts there are, and what of their weights a token reads.
    private static func describe(_ experts: ExpertConfiguration, _ configuration: ModelConfiguration) -> String {
        let layers = experts.sparseLayers.count { $0 }
        let one = 3 * configuration.hiddenSize * experts.width
        let shared = experts.sharedWidth.map { ", one of width \($0) shared" } ?? ""
        return "\(experts.count) of width \(experts.width) in \(layers) of \(configuration.layerCount) layers, "
            + "\(experts.chosen) a token\(shared); \(layers * (experts.count - experts.chosen) * one) parameters "
            + "are not read by a token"
    }

    private func machineFacts() throws -> [(String, String)] {
        let plan = try ThreadPlan()
        let runtime = try TensorRuntime(threads: 1)
        var facts = [
            (
                "kernels",
                "\(runtime.kernelName) (this machine can run: \(TensorRuntime.availableKernels.joined(separator: ", ")))"
            ),
            ("bfloat16 arithmetic", runtime.arithmetic(of: .bfloat16)),
            ("threads", "\(plan.threadCount)"),
        ]
        if let memory = SystemMemory() {
            let (capacity, available) = (memory.capacity, memory.available)
            facts.append(
                ("memory", "\(MemoryBudget.gigabytes(capacity)) GB, \(MemoryBudget.gigabytes(available)) GB available"))
        }
        return facts
    }

    private func modelFacts() throws -> [(String, String)] {
        let environment = Executable.environment
        let name = try model ?? BundledModel.find(executable: Executable.path, environment: environment)
        let directory = try ModelDirectory.resolve(name, environment: environment)
        let architecture = try ModelIdentity(directory: directory).architecture
        if isEmbedding || ModelRegistry.embeddingKind(of: architecture, isAsked: false) != nil {
            guard quantization == nil else {
                throw Failure("argument --quantization: only of models that generate", code: Failure.usage)
            }
            return try EmbeddingFacts(directory: directory, dtype: dtype).facts
        }
        let loader = try loader(directory)
        let configuration = loader.configuration
        let bytesPerToken = KVPool.bytesPerToken(
            layerCount: configuration.layerCount, kvHeadCount: configuration.kvHeadCount,
            headDimension: configuration.headDimension, format: .plain(loader.elementType))
        let weightBytes = loader.weightByteCount
        var facts = [
            ("model", directory),
            ("architecture", configuration.architecture),
            ("layers", "\(configuration.layerCount)"),
            ("hidden size", "\(configuration.hiddenSize), feed-forward \(configuration.intermediateSize)"),
            (
                "heads",
                "\(configuration.headCount) of \(configuration.headDimension), \(configuration.kvHeadCount) for keys and values"
            ),
            ("vocabulary", "\(configuration.vocabularySize)"),
            ("context", "\(configuration.contextLength) tokens"),
            ("parameters", "\(loader.parameterCount)"),
            ("weights", "\(MemoryBudget.gigabytes(weightBytes)) GB in memory"),
        ]
        for line in loader.plan(try TensorRuntime(threads: 1))?.lines ?? [] where line.byteCount > 0 {
            let arithmetic = line.arithmetic.map { ", \($0)" } ?? ""
            facts.append(
                ("", "\(line.kind) in \(line.dtype)\(arithmetic), \(MemoryBudget.gigabytes(line.byteCount)) GB"))
        }
        facts.append(("KV of a token", "\(bytesPerToken) bytes"))
        if let experts = configuration.experts {
            facts.append(("experts", Self.describe(experts, configuration)))
        }
        if let memory = SystemMemory() {
            let after = SystemMemory(
                capacity: memory.capacity, available: max(0, memory.available - weightBytes))
            let budget = try MemoryBudget(
                before: memory, after: after, bytesPerToken: bytesPerToken,
                chunkedPrefillSize: MemoryBudget.chunkedPrefillSize(capacity: memory.capacity))
            facts.append(("plan", budget.summary))
        }
        return facts
    }
}
