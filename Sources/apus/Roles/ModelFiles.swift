import ApusCheckpoint
import ApusConfiguration
import ApusCore
import ApusEngine
import ApusFront
import ApusJSON
import ApusModels

/// Where a role finds the model that the configuration names.
enum ModelFiles {
    static func modelDirectory(_ role: RoleLaunch) throws -> String {
        try directory(role.configuration.modelPath ?? "", role.configuration, role.environment)
    }

    static func tokenizerDirectory(_ role: RoleLaunch) throws -> String {
        try directory(role.configuration.tokenizerPath ?? "", role.configuration, role.environment)
    }

    /// The model, checked and not yet read.
    ///
    /// - Parameters:
    ///   - path: nil: the launch's, and so for `format`.
    ///   - quantization: Of the model whose place it is to take; nil: the launch's.
    static func loader(
        _ role: RoleLaunch, path: String? = nil, format: String? = nil, quantization: Quantization? = nil
    ) throws -> ModelLoader {
        let given = role.configuration
        let loader = try ModelLoader(
            directory: path.map { try allowed($0, role) } ?? modelDirectory(role),
            weights: try weights(format ?? given.loadFormat), elementType: elementType(given.dtype),
            quantization: quantization ?? given.quantization.flatMap(Quantization.init(name:)),
            overrides: given.modelOverrides)
        guard path != nil || given.quantization != "compressed-tensors" || loader.configuration.quantization != nil
        else {
            throw Failure(
                "argument --quantization: compressed-tensors is what a checkpoint says of itself, and this one does not "
                    + "(w8a8_int8, int4 and int4-128 quantise it)", code: Failure.usage)
        }
        return loader
    }

    /// The folder of a model that a request names. One that it may not name is answered as one that is not there, so
    /// that nobody learns what lies elsewhere.
    private static func allowed(_ name: String, _ role: RoleLaunch) throws -> String {
        let given = role.configuration
        guard let folders = given.allowedModelRoots else { return try directory(name, given, role.environment) }
        let found = try? directory(name, given, role.environment)
        guard let found, try ModelRoots(folders).contain(found) || found == modelDirectory(role) else {
            throw WeightFailure.unreadable(reason: "there is no model '\(name)' below --allowed-model-roots")
        }
        return found
    }

    /// The model, checked and not yet read, if it is one that makes vectors; nil: it generates.
    ///
    /// - Parameters:
    ///   - path: nil: the launch's, and so for `format`.
    ///   - quantization: Of the model whose place it is to take; nil: the launch's.
    static func embeddingLoader(
        _ role: RoleLaunch, path: String? = nil, format: String? = nil, quantization: Quantization? = nil
    ) throws -> EmbeddingLoader? {
        let given = role.configuration
        let directory = try path.map { try allowed($0, role) } ?? modelDirectory(role)
        let identity = try ModelIdentity(directory: directory, overrides: given.modelOverrides)
        guard ModelRegistry.embeddingKind(of: identity.architecture, isAsked: given.isEmbedding) != nil else {
            guard !given.isEmbedding else {
                throw Failure(
                    "--is-embedding: architecture '\(identity.architecture)' makes no embeddings here; supported are "
                        + ModelRegistry.embeddingArchitectures.joined(separator: ", "), code: Failure.configuration)
            }
            return nil
        }
        return try EmbeddingLoader(
            directory: directory, isAsked: given.isEmbedding,
            weights: try weights(format ?? given.loadFormat), elementType: elementType(given.dtype),
            quantization: quantization ?? given.quantization.flatMap(Quantization.init(name:)),
            overrides: given.modelOverrides)
    }

    /// What `--load-format`, or a request's `load_format`, means.
    private static func weights(_ format: String) throws -> ModelLoader.Weights {
        guard ["auto", "safetensors", "dummy"].contains(format) else {
            throw WeightFailure.unfit(
                reason: "load_format '\(format)' is not supported; auto, safetensors and dummy are")
        }
        return format == "dummy" ? .random : .checkpoint
    }

    /// What the front must know of a model that makes vectors; nil: it generates.
    static func embeddingTraits(
        _ identity: ModelIdentity, directory: String, isAsked: Bool
    ) throws -> EmbeddingTraits? {
        guard let kind = ModelRegistry.embeddingKind(of: identity.architecture, isAsked: isAsked) else { return nil }
        let labels = kind == .decoder(.reward) ? ["LABEL_0"] : identity.labels
        var traits = EmbeddingTraits(
            width: kind.classifies ? labels.count : identity.members["hidden_size"]?.intValue ?? 0,
            labels: kind.classifies ? labels : nil, isCrossEncoder: kind.isEncoder && kind.classifies,
            hasSegments: kind.isEncoder && identity.members["type_vocab_size"]?.intValue ?? 2 > 1)
        if kind == .encoder(offsetsPositions: true, classifies: kind.classifies) { traits.hasSegments = false }
        if !kind.classifies {
            if let last = try SentenceModules(directory: directory)?.dense.last { traits.width = last.outputs }
            traits.preparation = try SentenceTexts(directory: directory).map {
                .init(prefix: $0.prefix, maximumLength: $0.maximumLength, lowercases: $0.lowercases)
            }
        }
        if let sizes = identity.members["matryoshka_dimensions"]?.arrayValue, !sizes.isEmpty {
            traits.shortening = .only(sizes.compactMap(\.intValue))
        } else if identity.members["is_matryoshka"]?.boolValue ?? false {
            traits.shortening = .any
        }
        return traits
    }

    /// What `--dtype` means; nil: the loader's choice. float16 is computed in bfloat16, which is as fast and wider.
    static func elementType(_ dtype: String) -> ElementType? {
        switch dtype {
        case "float", "float32": .float32
        case "bfloat16", "half", "float16": .bfloat16
        default: nil
        }
    }

    static func directory(
        _ name: String, _ configuration: ServeConfiguration, _ environment: [String: String]
    ) throws -> String {
        try ModelDirectory.resolve(
            name, revision: configuration.revision, downloadDirectory: configuration.downloadDirectory,
            environment: environment)
    }
}
