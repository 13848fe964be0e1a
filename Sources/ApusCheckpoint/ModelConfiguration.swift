package import ApusCore
package import ApusJSON

/// A decoder's config.json, checked.
package struct ModelConfiguration: Sendable, Hashable {
    /// First of `architectures`, for example `Qwen2ForCausalLM`.
    package let architecture: String
    package let modelType: String?
    package let vocabularySize: Int
    package let hiddenSize: Int
    /// Width of the feed-forward layer.
    package let intermediateSize: Int
    /// nil: every layer's feed-forward part is dense.
    package let experts: ExpertConfiguration?
    package let layerCount: Int
    package let headCount: Int
    /// Heads of keys and values; divides `headCount`.
    package let kvHeadCount: Int
    package let headDimension: Int
    package let normEpsilon: Float
    package let rotary: RotaryConfiguration
    /// The head multiplies by the embedding table.
    package let tiesEmbeddings: Bool
    /// Longest sequence in tokens.
    package let contextLength: Int
    /// Positions that each layer sees, the own one included; nil: all.
    package let windows: [Int?]
    /// `attention_bias`, for the architectures that leave it open.
    package let attentionBias: Bool
    package let feedForwardBias: Bool
    /// The format in which the weights are stored, if stated.
    package let elementType: ElementType?
    /// How the checkpoint's numbers are quantised; nil: they are not.
    package let quantization: StoredQuantization?
    package let endTokenIDs: [Int32]
    package let beginTokenID: Int32?
    /// Everything in the file, overrides included.
    package let members: JSONObject

    /// - Parameters:
    ///   - directory: The model folder.
    ///   - overrides: `--json-model-override-args`, merged over the file member by member.
    package init(directory: String, overrides: JSONObject = [:]) throws(CheckpointError) {
        var file = try JSONFile(path: "\(directory)/config.json")
        for member in overrides { file.members[member.key] = member.value }
        try self.init(file)
    }

    package init(path: String, members: JSONObject) throws(CheckpointError) {
        try self.init(JSONFile(path: path, members: members))
    }

    private init(_ file: JSONFile) throws(CheckpointError) {
        guard let names = file.value("architectures")?.arrayValue, let architecture = names.first?.stringValue else {
            throw file.failure("no architectures")
        }
        quantization = try file.quantization()
        // The default limit is wide enough for any model, and no product of three such numbers overflows.
        func size(_ key: String, atMost limit: Int = 1 << 20) throws(CheckpointError) -> Int {
            guard let value = try file.integer(key, in: 1...limit) else { throw file.failure("no \(key)") }
            return value
        }
        self.architecture = architecture
        modelType = try file.string("model_type")
        vocabularySize = try size("vocab_size")
        hiddenSize = try size("hidden_size")
        intermediateSize = try size("intermediate_size")
        layerCount = try size("num_hidden_layers", atMost: 1024)
        experts = try ExpertConfiguration(
            file, architecture: architecture, layerCount: layerCount, denseWidth: intermediateSize)
        headCount = try size("num_attention_heads")
        kvHeadCount = try file.integer("num_key_value_heads", in: 1...headCount) ?? headCount
        guard headCount.isMultiple(of: kvHeadCount) else {
            throw file.failure("\(headCount) attention heads do not share \(kvHeadCount) key and value heads evenly")
        }
        if let stated = try file.integer("head_dim", in: 2...256) {
            headDimension = stated
        } else {
            guard hiddenSize.isMultiple(of: headCount), (2...256).contains(hiddenSize / headCount) else {
                throw file.failure("hidden_size \(hiddenSize) does not fit \(headCount) heads, and head_dim is missing")
            }
            headDimension = hiddenSize / headCount
        }
        guard headDimension.isMultiple(of: 8) else {
            throw file.failure("head_dim \(headDimension) is no multiple of 8")
        }
        if let activation = try file.string("hidden_act"), activation != "silu" {
            throw file.failure("hidden_act '\(activation)' is not supported; silu is")
        }
        normEpsilon = Float(try file.number("rms_norm_eps", in: 0...1) ?? 1e-6)
        rotary = try RotaryConfiguration(file)
        tiesEmbeddings = try file.boolean("tie_word_embeddings") ?? false
        let positions = try file.integer("max_position_embeddings", in: 1...1 << 30) ?? 2048
        contextLength = max(1, Int(min(Double(positions) * rotary.contextFactor, Double(1 << 30))))
        windows = try Self.windows(file, architecture: architecture, layerCount: layerCount)
        attentionBias = try file.boolean("attention_bias") ?? false
        feedForwardBias = try file.boolean("mlp_bias") ?? false
        elementType = try file.string("dtype", "torch_dtype").flatMap {
            ElementType(rawValue: $0.hasPrefix("torch.") ? String($0.dropFirst(6)) : $0)
        }
        endTokenIDs = try file.tokenIDs("eos_token_id")
        beginTokenID = try file.tokenIDs("bos_token_id").first
        members = file.members
    }

    /// Mistral's `sliding_window` holds for all layers; Qwen's only with `use_sliding_window`, and from
    /// `max_window_layers` on, Qwen2-MoE's in every other layer before it, Qwen3-MoE's in all; transformers 5 writes the
    /// outcome into `layer_types`.
    private static func windows(
        _ file: JSONFile, architecture: String, layerCount: Int
    ) throws(CheckpointError) -> [Int?] {
        // 0 is a way of writing null.
        var window = try file.integer("sliding_window", in: 0...1 << 30)
        if window == 0 { window = nil }
        if let types = file.value("layer_types")?.arrayValue {
            guard types.count == layerCount else {
                throw file.failure("layer_types has \(types.count) entries for \(layerCount) layers")
            }
            var windows: [Int?] = []
            for type in types {
                switch type.stringValue {
                case "full_attention": windows.append(nil)
                case "sliding_attention" where window != nil: windows.append(window)
                default: throw file.failure("layer type \(type) is not supported")
                }
            }
            return windows
        }
        guard let window else { return Array(repeating: nil, count: layerCount) }
        if architecture.hasPrefix("Mistral") || architecture.hasPrefix("Mixtral") {
            return Array(repeating: window, count: layerCount)
        }
        guard try file.boolean("use_sliding_window") ?? false else {
            return Array(repeating: nil, count: layerCount)
        }
        if architecture.hasPrefix("Qwen3Moe") { return Array(repeating: window, count: layerCount) }
        let border = try file.integer("max_window_layers", in: 0...1 << 20) ?? 28
        if architecture.hasPrefix("Qwen2Moe") {
            return (0..<layerCount).map { $0.isMultiple(of: 2) && $0 < border ? window : nil }
        }
        return (0..<layerCount).map { $0 >= border ? window : nil }
    }
}
