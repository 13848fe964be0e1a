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
    /// Numbers of what comes out.
    package let width: Int
    /// Bytes of keys and values of one token; nil: an encoder keeps none.
    package let bytesPerToken: Int?
    /// How projections are kept; nil: in `elementType`.
    package let quantization: Quantization?
    /// nil: an encoder.
    package let decoder: ModelConfiguration?
    /// nil: a decoder.
    package let encoder: EncoderConfiguration?
    let modules: SentenceModules?
    private let checkpoint: Checkpoint?
    /// Of the projections behind the pooling.
    private let denseCheckpoints: [Checkpoint]

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
        let modules = try SentenceModules(directory: directory)
        self.modules = modules
        let dense = kind.classifies ? [] : modules?.dense ?? []
        checkpoint = weights == .checkpoint ? try Checkpoint(directory: directory) : nil
        denseCheckpoints =
            weights == .checkpoint ? try dense.map { try Checkpoint(directory: "\(directory)/\($0.folder)") } : []
        var width = decoder?.hiddenSize ?? encoder?.hiddenSize ?? 0
        for module in dense {
            guard module.inputs == width else {
                throw CheckpointError.configuration(
                    path: "\(directory)/\(module.folder)/config.json",
                    reason: "in_features is \(module.inputs), but vectors of \(width) come in")
            }
            width = module.outputs
        }
        self.width = kind.classifies ? identity.labels.count : width
        if let checkpoint {
            let runtime = try TensorRuntime(threads: 1)
            _ = try model(
                loader(CheckpointWeights(checkpoint: checkpoint), runtime, purpose: .survey),
                dense: denseCheckpoints.map {
                    loader(CheckpointWeights(checkpoint: $0), runtime, purpose: .survey)
                })
        }
    }

    /// How tokens become one vector.
    package var pooling: Pooling {
        // Without files that say more: the first token, as BERT was trained; the last one of a decoder, which saw all.
        let usual: Pooling = kind.isEncoder ? .firstToken : .lastToken
        return kind.classifies ? usual : modules?.pooling ?? usual
    }

    package var normalizes: Bool { !kind.classifies && modules?.normalizes ?? true }

    /// Projections between the pooled vector and the one that comes out.
    package var dense: [SentenceDense] { kind.classifies ? [] : modules?.dense ?? [] }

    /// Numbers of all tensors, those of `dense` included.
    package var parameterCount: Int {
        ([checkpoint].compactMap(\.self) + denseCheckpoints).reduce(0) { sum, checkpoint in
            sum
                + checkpoint.tensorNames.reduce(0) { $0 + (checkpoint.shape(of: $1)?.reduce(1, *) ?? 0) }
        }
    }

    /// Bytes of the largest tensor, which stands in memory beside its packed form while it is copied.
    package var largestTensorByteCount: Int { checkpoint?.largestTensorByteCount ?? 0 }

    /// Holds the model against one in service.
    package func check(against model: EmbeddingShape) throws(ModelError) {
        guard let difference = model.difference(from: EmbeddingShape(self, weightByteCount: 0)) else { return }
        throw .otherModel(reason: difference)
    }

    private func loader(
        _ source: any WeightSource, _ runtime: TensorRuntime, purpose: WeightLoader.Purpose = .load,
        pace: (() -> Void)? = nil, progress: ((_ done: Int, _ total: Int) -> Void)? = nil
    ) -> WeightLoader {
        WeightLoader(
            source: source, element: elementType, quantization: quantization, stored: decoder?.quantization,
            runtime: runtime, purpose: purpose, pace: pace, progress: progress)
    }

    /// Reads and packs the weights.
    ///
    /// - Parameters:
    ///   - copies: Others may write to the files meanwhile: nothing is read where it is mapped, and a change is an error.
    ///   - progress: Called on this thread with bytes read and bytes in all (0: unknown).
    ///   - pace: As `ModelLoader.load` has it.
    package func load(
        _ runtime: TensorRuntime, copies: Bool = false, progress: ((_ done: Int, _ total: Int) -> Void)? = nil,
        pace: (() -> Void)? = nil
    ) throws -> EmbeddingModel {
        func source(_ checkpoint: Checkpoint?) -> any WeightSource {
            checkpoint.map {
                CheckpointWeights(checkpoint: $0, copies: copies ? CopyBuffers(runtime) : nil, pace: pace)
            } ?? RandomWeights(runtime: runtime, pace: pace)
        }
        let model = try model(
            loader(source(checkpoint), runtime, pace: pace, progress: progress),
            dense: dense.indices.map { index in
                loader(source(checkpoint == nil ? nil : denseCheckpoints[index]), runtime, pace: pace)
            })
        if copies {
            for checkpoint in [checkpoint].compactMap(\.self) + denseCheckpoints { try checkpoint.checkUnchanged() }
        }
        return model
    }

    /// - Parameter loaders: For each of `dense`.
    private func model(_ loader: WeightLoader, dense loaders: [WeightLoader]) throws -> EmbeddingModel {
        let projections = try denseHead(loaders)
        let root = WeightScope(loader: loader, path: "")
        if let encoder {
            let scope = root.scope(bodyPath(of: ["", "bert", "roberta"], holding: "embeddings.word_embeddings.weight"))
            let body = EmbeddingModel.Body.encoder(try Encoder(scope, encoder))
            let head = kind.classifies ? try encoderHead(root, body: scope, encoder) : projections
            return EmbeddingModel(body, pooling: pooling, head: head, normalizes: normalizes, loader: loader)
        }
        guard let decoder else { preconditionFailure("a loader has one configuration") }
        let scope = root.scope(bodyPath(of: ["", "model"], holding: "embed_tokens.weight"))
        let body = EmbeddingModel.Body.decoder(try Decoder(scope, decoder, headless: true))
        let head = try decoderHead(root, decoder) ?? projections
        return EmbeddingModel(body, pooling: pooling, head: head, normalizes: normalizes, loader: loader)
    }

    private func denseHead(_ loaders: [WeightLoader]) throws -> ClassificationHead? {
        guard !dense.isEmpty else { return nil }
        return try ClassificationHead(
            zip(loaders, dense).map { loader, module in (WeightScope(loader: loader, path: ""), module) })
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

extension Checkpoint {
    var largestTensorByteCount: Int {
        tensorNames.reduce(0) { max($0, (try? tensor($1).range.count) ?? 0) }
    }
}
