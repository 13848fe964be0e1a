package import ApusJSON

/// The config.json of an encoder (BERT and its kin), checked.
package struct EncoderConfiguration: Sendable, Hashable {
    package enum Activation: Sendable, Hashable {
        /// GELU by the error function.
        case gelu
        /// GELU by its tanh approximation.
        case geluTanh
    }

    /// First of `architectures`, for example `XLMRobertaModel`.
    package let architecture: String
    package let vocabularySize: Int
    package let hiddenSize: Int
    /// Width of the feed-forward layer.
    package let intermediateSize: Int
    package let layerCount: Int
    package let headCount: Int
    package let headDimension: Int
    package let normEpsilon: Float
    package let activation: Activation
    /// Rows of the table of positions.
    package let positionCount: Int
    /// Rows of the table of segments.
    package let typeCount: Int
    /// Row of the first token's position: 0, or one past the padding id in the RoBERTa family.
    package let positionOffset: Int

    /// Longest text in tokens.
    package var contextLength: Int { positionCount - positionOffset }

    /// - Parameters:
    ///   - offsetsPositions: The model numbers positions from one past the padding id.
    ///   - overrides: Merged over the file member by member.
    package init(directory: String, offsetsPositions: Bool, overrides: JSONObject = [:]) throws(CheckpointError) {
        var file = try JSONFile(path: "\(directory)/config.json")
        for member in overrides { file.members[member.key] = member.value }
        func size(_ key: String, atMost limit: Int = 1 << 20) throws(CheckpointError) -> Int {
            guard let value = try file.integer(key, in: 1...limit) else { throw file.failure("no \(key)") }
            return value
        }
        guard let architecture = file.value("architectures")?.arrayValue?.first?.stringValue else {
            throw file.failure("no architectures")
        }
        if try file.quantization() != nil {
            throw file.failure("encoders that come quantised are not supported; --quantization quantises others")
        }
        self.architecture = architecture
        vocabularySize = try size("vocab_size", atMost: 1 << 22)
        hiddenSize = try size("hidden_size")
        intermediateSize = try size("intermediate_size")
        layerCount = try size("num_hidden_layers", atMost: 1024)
        headCount = try size("num_attention_heads")
        guard hiddenSize.isMultiple(of: headCount), (8...256).contains(hiddenSize / headCount),
            (hiddenSize / headCount).isMultiple(of: 8)
        else {
            throw file.failure("hidden_size \(hiddenSize) over \(headCount) heads is no multiple of 8 up to 256")
        }
        headDimension = hiddenSize / headCount
        normEpsilon = Float(try file.number("layer_norm_eps", in: 0...1) ?? 1e-12)
        switch try file.string("hidden_act") ?? "gelu" {
        case "gelu": activation = .gelu
        case "gelu_new", "gelu_pytorch_tanh", "gelu_fast": activation = .geluTanh
        case let other: throw file.failure("hidden_act '\(other)' is not supported in an encoder; gelu is")
        }
        let positions = try file.string("position_embedding_type") ?? "absolute"
        guard positions == "absolute" else {
            throw file.failure("position_embedding_type '\(positions)' is not supported; absolute is")
        }
        positionCount = try size("max_position_embeddings", atMost: 1 << 24)
        typeCount = try file.integer("type_vocab_size", in: 1...1 << 16) ?? 2
        positionOffset = offsetsPositions ? (try file.integer("pad_token_id", in: 0...1 << 20) ?? 1) + 1 : 0
        guard positionOffset < positionCount else {
            throw file.failure("max_position_embeddings \(positionCount) leaves no position after the padding")
        }
    }
}
