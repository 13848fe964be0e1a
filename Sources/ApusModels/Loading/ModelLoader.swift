package import ApusCheckpoint
package import ApusCore
package import ApusJSON
package import ApusTensor

/// A model folder made ready: checked first, then read.
package struct ModelLoader {
    package enum Weights: Sendable, Hashable {
        case checkpoint
        /// Random ones in the configuration's shapes (`--load-format dummy`).
        case random
    }

    package let directory: String
    package let configuration: ModelConfiguration
    package let generation: GenerationConfiguration
    /// What is computed in.
    package let elementType: ElementType
    /// How projections are kept; nil: in `elementType`.
    package let quantization: Quantization?
    let checkpoint: Checkpoint?
    /// What the model would take from the checkpoint; nil: there is none.
    let survey: WeightCatalog?

    /// Bytes that weights will take in memory, but for vectors; 0: unknown.
    package var weightByteCount: Int { survey?.report.reduce(0) { $0 + $1.byteCount } ?? 0 }

    /// In which numbers they will be kept, and what will multiply them; nil: unknown.
    package func plan(_ runtime: TensorRuntime) -> WeightReport? { survey.map { WeightReport($0, runtime) } }

    /// Numbers of the checkpoint as they were before somebody quantised it; 0: there is none.
    package var parameterCount: Int {
        guard let checkpoint else { return 0 }
        return checkpoint.tensorNames.reduce(0) { sum, name in
            // compressed-tensors: scales and shapes are no parameters, and a word holds eight numbers of four bits.
            guard !name.hasSuffix(".weight_scale"), !name.hasSuffix(".weight_shape") else { return sum }
            let count = checkpoint.shape(of: name)?.reduce(1, *) ?? 0
            return sum + (name.hasSuffix(".weight_packed") ? 8 * count : count)
        }
    }

    /// Reads the configurations and the headers of the weights, nothing more: bad folders fail here, at once, tensors
    /// that are missing or have another shape included.
    ///
    /// - Parameters:
    ///   - elementType: `bfloat16` or `float32`; nil: `bfloat16`, in which most checkpoints are, and in which others take
    ///     half the memory and time of float32.
    ///   - quantization: How projections are to be kept; nil: as the checkpoint has them.
    ///   - overrides: Merged over config.json.
    package init(
        directory: String, weights: Weights = .checkpoint, elementType: ElementType? = nil,
        quantization: Quantization? = nil, overrides: JSONObject = [:]
    ) throws {
        precondition(elementType != .float16, "float16 is not computed in")
        self.directory = directory
        configuration = try ModelConfiguration(directory: directory, overrides: overrides)
        generation = try GenerationConfiguration(directory: directory)
        try ModelRegistry.check(configuration)
        self.elementType = elementType ?? .bfloat16
        self.quantization = try Self.quantization(asked: quantization, stored: configuration.quantization)
        checkpoint = weights == .checkpoint ? try Checkpoint(directory: directory) : nil
        survey = try Self.survey(
            checkpoint, configuration, element: self.elementType, quantization: self.quantization)
    }

    private static func survey(
        _ checkpoint: Checkpoint?, _ configuration: ModelConfiguration, element: ElementType,
        quantization: Quantization?
    ) throws -> WeightCatalog? {
        guard let checkpoint else { return nil }
        let loader = WeightLoader(
            source: CheckpointWeights(checkpoint: checkpoint), element: element, quantization: quantization,
            stored: configuration.quantization, runtime: try TensorRuntime(threads: 1), purpose: .survey)
        return try Decoder(WeightScope(loader: loader, path: ""), configuration).catalog
    }

    /// A checkpoint that comes quantised stays as it is; one that does not is quantised as asked.
    static func quantization(
        asked: Quantization?, stored: StoredQuantization?
    ) throws(ModelError) -> Quantization? {
        guard let asked, let stored, asked != stored.scheme else { return asked ?? stored?.scheme }
        throw .unfitQuantization(
            reason: "the checkpoint is quantised as \(stored.scheme.name), which cannot be made \(asked.name)")
    }

    /// Reads and packs the weights.
    ///
    /// - Parameters:
    ///   - copies: Others may write to the files meanwhile: nothing is read where it is mapped, and a change is an error.
    ///   - progress: Called on this thread with bytes read and bytes in all (0: unknown).
    ///   - pace: Called before each piece of work of a millisecond or two: others need the processors, and it returns when
    ///     they are free.
    package func load(
        _ runtime: TensorRuntime, copies: Bool = false, progress: ((_ done: Int, _ total: Int) -> Void)? = nil,
        pace: (() -> Void)? = nil
    ) throws -> Decoder {
        let source: any WeightSource =
            checkpoint.map {
                CheckpointWeights(checkpoint: $0, copies: copies ? CopyBuffers(runtime) : nil, pace: pace)
            } ?? RandomWeights(runtime: runtime, pace: pace)
        let loader = WeightLoader(
            source: source, element: elementType, quantization: quantization, stored: configuration.quantization,
            runtime: runtime, pace: pace, progress: progress)
        let decoder = try Decoder(WeightScope(loader: loader, path: ""), configuration)
        if copies { try checkpoint?.checkUnchanged() }
        return decoder
    }

    /// Holds the configuration against that of a model in service; the tensors have been held against the former.
    package func check(against model: ModelShape) throws(ModelError) {
        if let difference = model.configuration.difference(from: configuration) {
            throw .otherModel(reason: difference)
        }
        guard quantization == model.quantization else {
            throw .unfitQuantization(
                reason: "the checkpoint is quantised as \(quantization?.name ?? "nothing"), the model in service is "
                    + (model.quantization?.name ?? "not"))
        }
    }

    /// Bytes of the largest tensor, which stands in memory beside its packed form while it is copied.
    package var largestTensorByteCount: Int {
        checkpoint?.largestTensorByteCount ?? 0
    }

    /// Tokens that end a sequence, of both configurations, each once.
    package var endTokenIDs: [Int32] {
        var seen: Set<Int32> = []
        return (configuration.endTokenIDs + generation.endTokenIDs).filter { seen.insert($0).inserted }
    }
}
