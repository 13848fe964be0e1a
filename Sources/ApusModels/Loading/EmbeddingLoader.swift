package import ApusCheckpoint
package import ApusCore
package import ApusJSON
package import ApusTensor

/// The folder of a model that makes vectors, made ready: checked first, then read.
package struct EmbeddingLoader {
    package let identity: ModelIdentity
    package let kind: EmbeddingKind
    /// What is computed in.
    package let elementType: ElementType
    /// Longest text in tokens.
    package let contextLength: Int
    /// Bytes of keys and values of one token; nil: an encoder keeps none.
    package let bytesPerToken: Int?
    /// How projections are kept; nil: in `elementType`.
    private let quantization: Quantization?
    /// nil: an encoder.
    package let decoder: ModelConfiguration?
    /// nil: a decoder.
    package let encoder: EncoderConfiguration?
    private let modules: SentenceModules?
    private let checkpoint: Checkpoint?

    /// Reads the configurations and the headers of the weights, nothing more: bad folders fail here, at once.
    ///
    /// - Parameters:
    ///   - isAsked: `--is-embedding`.
    ///   - elementType: `bfloat16` or `float32`; nil: `bfloat16`.
    ///   - quantization: How projections are to be kept; nil: as the checkpoint has them.
    ///   - overrides: Merged over config.json.
    package init(
        directory: String, isAsked: Bool, weights: ModelLoader.Weights = .checkpoint, elementType: ElementType? = nil,
        quantization: Quantization? = nil, overrides: JSONObject = [:]
    ) throws {
        precondition(elementType != .float16, "float16 is not computed in")
        identity = try ModelIdentity(directory: directory, overrides: overrides)
        guard let kind = ModelRegistry.embeddingKind(of: identity.architecture, isAsked: isAsked) else {
            throw ModelError.unknownArchitecture(
                identity.architecture, supported: ModelRegistry.embeddingArchitectures)
        }
        self.kind = kind
        self.elementType = elementType ?? .bfloat16
        switch kind {
        case .decoder:
            let configuration = try ModelConfiguration(directory: directory, overrides: overrides)
            decoder = configuration
            encoder = nil
            contextLength = configuration.contextLength
            bytesPerToken = KVPool.bytesPerToken(
                layerCount: configuration.layerCount, kvHeadCount: configuration.kvHeadCount,
                headDimension: configuration.headDimension, format: .plain(self.elementType))
        case .encoder(let offsetsPositions, _):
            let configuration = try EncoderConfiguration(
                directory: directory, offsetsPositions: offsetsPositions, overrides: overrides)
            decoder = nil
            encoder = configuration
            contextLength = configuration.contextLength
            bytesPerToken = nil
        }
        self.quantization = try ModelLoader.quantization(asked: quantization, stored: decoder?.quantization)
        modules = try SentenceModules(directory: directory)
        checkpoint = weights == .checkpoint ? try Checkpoint(directory: directory) : nil
        if let checkpoint {
            let source = CheckpointWeights(checkpoint: checkpoint)
            _ = try model(loader(source, TensorRuntime(threads: 1), purpose: .survey))
        }
    }

    private func loader(
        _ source: any WeightSource, _ runtime: TensorRuntime, purpose: WeightLoader.Purpose = .load,
        progress: ((_ done: Int, _ total: Int) -> Void)? = nil
    ) -> WeightLoader {
        WeightLoader(
            source: source, element: elementType, quantization: quantization, stored: decoder?.quantization,
            runtime: runtime, purpose: purpose, progress: progress)
    }

    /// Reads and packs the weights.
    ///
    /// - Parameter progress: Called on this thread with bytes read and bytes in all (0: unknown).
    package func load(
        _ runtime: TensorRuntime, progress: ((_ done: Int, _ total: Int) -> Void)? = nil
    ) throws -> EmbeddingModel {
        let source: any WeightSource =
            checkpoint.map { CheckpointWeights(checkpoint: $0) } ?? RandomWeights(runtime: runtime)
        return try model(loader(source, runtime, progress: progress))
    }

    private func model(_ loader: WeightLoader) throws -> EmbeddingModel {
        let root = WeightScope(loader: loader, path: "")
        if let encoder {
            let scope = root.scope(bodyPath(of: ["", "bert", "roberta"], holding: "embeddings.word_embeddings.weight"))
            let body = EmbeddingModel.Body.encoder(try Encoder(scope, encoder))
            let head = kind.classifies ? try encoderHead(root, body: scope, encoder) : nil
            // Without files that say more: the first token, as BERT was trained, at length 1.
            return EmbeddingModel(
                body, pooling: head != nil ? .firstToken : modules?.pooling ?? .firstToken, head: head,
                normalizes: head == nil && modules?.normalizes ?? true, loader: loader)
        }
        guard let decoder else { preconditionFailure("a loader has one configuration") }
        let scope = root.scope(bodyPath(of: ["", "model"], holding: "embed_tokens.weight"))
        let body = EmbeddingModel.Body.decoder(try Decoder(scope, decoder, headless: true))
        let head = try decoderHead(root, decoder)
        return EmbeddingModel(
            body, pooling: head != nil ? .lastToken : modules?.pooling ?? .lastToken, head: head,
            normalizes: head == nil && modules?.normalizes ?? true, loader: loader)
    }

    /// Checkpoints of a bare body have its tensors at their root, others a step below.
    private func bodyPath(of candidates: [String], holding tensor: String) -> String {
        candidates.first { checkpoint?.contains($0.isEmpty ? tensor : "\($0).\(tensor)") ?? false }
            ?? candidates[candidates.count - 1]
    }

    private func decoderHead(
        _ root: WeightScope, _ configuration: ModelConfiguration
    ) throws -> ClassificationHead? {
        let size = configuration.hiddenSize
        let classes = identity.labels.count
        switch kind {
        case .decoder(.score):
            return try ClassificationHead(
                root, [("score", classes, bias: false, then: .none)], inputs: size)
        case .decoder(.reward):
            return try ClassificationHead(
                root, [("score.0", size, bias: true, then: .rectified), ("score.2", 1, bias: true, then: .none)],
                inputs: size)
        default: return nil
        }
    }

    /// BERT classifies through its pooler, the RoBERTa family through a head of its own.
    private func encoderHead(
        _ root: WeightScope, body: WeightScope, _ configuration: EncoderConfiguration
    ) throws -> ClassificationHead {
        let size = configuration.hiddenSize
        let classes = identity.labels.count
        let pooler = body.scope("pooler.dense").path
        let names: [(name: String, outputs: Int, bias: Bool, then: ClassificationHead.Activation)] =
            configuration.positionOffset > 0
            ? [("classifier.dense", size, true, .tanh), ("classifier.out_proj", classes, true, .none)]
            : [(pooler, size, true, .tanh), ("classifier", classes, true, .none)]
        return try ClassificationHead(root, names, inputs: size, last: activation)
    }

    /// What a cross-encoder's configuration asks to be applied to its score.
    private var activation: ClassificationHead.Activation {
        let name =
            identity.members["sbert_ce_default_activation_function"]?.stringValue
            ?? identity.members["sentence_transformers"]?["activation_fn"]?.stringValue
        return name?.hasSuffix("Sigmoid") ?? false ? .sigmoid : .none
    }
}
