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
    private let checkpoint: Checkpoint?

    /// Reads the configurations and the headers of the weights, nothing more: bad folders fail here, at once.
    ///
    /// - Parameters:
    ///   - elementType: `bfloat16` or `float32`; nil: `bfloat16`, in which most checkpoints are, and in which others take
    ///     half the memory and time of float32.
    ///   - overrides: Merged over config.json.
    package init(
        directory: String, weights: Weights = .checkpoint, elementType: ElementType? = nil,
        overrides: JSONObject = [:]
    ) throws {
        precondition(elementType != .float16, "float16 is not computed in")
        self.directory = directory
        configuration = try ModelConfiguration(directory: directory, overrides: overrides)
        generation = try GenerationConfiguration(directory: directory)
        try ModelRegistry.check(configuration)
        self.elementType = elementType ?? .bfloat16
        checkpoint = weights == .checkpoint ? try Checkpoint(directory: directory) : nil
    }

    /// Reads and packs the weights.
    ///
    /// - Parameter progress: Called on this thread with bytes read and bytes in all (0: unknown).
    package func load(
        _ runtime: TensorRuntime, progress: ((_ done: Int, _ total: Int) -> Void)? = nil
    ) throws -> Decoder {
        let source: any WeightSource
        if let checkpoint {
            source = CheckpointWeights(checkpoint: checkpoint)
        } else {
            source = RandomWeights(runtime: runtime)
        }
        let loader = WeightLoader(source: source, element: elementType, runtime: runtime, progress: progress)
        return try Decoder(WeightScope(loader: loader, path: ""), configuration)
    }

    /// Tokens that end a sequence, of both configurations, each once.
    package var endTokenIDs: [Int32] {
        var seen: Set<Int32> = []
        return (configuration.endTokenIDs + generation.endTokenIDs).filter { seen.insert($0).inserted }
    }
}
