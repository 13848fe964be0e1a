import ApusCheckpoint

/// What a model that makes vectors consists of.
package enum EmbeddingKind: Sendable, Hashable {
    /// A decoder; its head is named as in the checkpoint.
    case decoder(DecoderHead)
    /// An encoder; `offsetsPositions`: the RoBERTa family, which numbers positions from one past the padding id.
    case encoder(offsetsPositions: Bool, classifies: Bool)

    package enum DecoderHead: Sendable, Hashable {
        /// The vector itself.
        case none
        /// One projection, `score`.
        case score
        /// Two projections, `score.0` and `score.2`.
        case reward
    }

    /// The outcome is numbers for classes rather than a vector for the text.
    package var classifies: Bool {
        switch self {
        case .decoder(let head): head != .none
        case .encoder(_, let classifies): classifies
        }
    }

    package var isEncoder: Bool {
        if case .encoder = self { true } else { false }
    }
}

extension ModelRegistry {
    /// Decoders that never generate, beside those of `decoders`.
    static let vectorDecoders: [String: @Sendable (ModelConfiguration) -> DecoderTraits] = [
        "LlamaModel": DecoderTraits.llama, "LlamaEmbeddingModel": DecoderTraits.llama,
        "LlamaForSequenceClassification": DecoderTraits.llama,
        "MistralModel": DecoderTraits.llama, "MistralForSequenceClassification": DecoderTraits.llama,
        "Qwen2Model": DecoderTraits.qwen2, "Qwen2ForSequenceClassification": DecoderTraits.qwen2,
        "Qwen2ForRewardModel": DecoderTraits.qwen2,
        "Qwen3Model": DecoderTraits.qwen3, "Qwen3ForSequenceClassification": DecoderTraits.qwen3,
    ]

    private static let encoders: [String: EmbeddingKind] = [
        "BertModel": .encoder(offsetsPositions: false, classifies: false),
        "BertForSequenceClassification": .encoder(offsetsPositions: false, classifies: true),
        "RobertaModel": .encoder(offsetsPositions: true, classifies: false),
        "RobertaForSequenceClassification": .encoder(offsetsPositions: true, classifies: true),
        "XLMRobertaModel": .encoder(offsetsPositions: true, classifies: false),
        "XLMRobertaForSequenceClassification": .encoder(offsetsPositions: true, classifies: true),
    ]

    /// How an architecture makes vectors; nil: it generates.
    ///
    /// - Parameter isAsked: `--is-embedding`: decoders that generate are to make vectors.
    package static func embeddingKind(of architecture: String, isAsked: Bool) -> EmbeddingKind? {
        if let encoder = encoders[architecture] { return encoder }
        if vectorDecoders[architecture] != nil {
            if architecture.hasSuffix("ForSequenceClassification") { return .decoder(.score) }
            return .decoder(architecture.hasSuffix("RewardModel") ? .reward : .none)
        }
        return isAsked && decoders[architecture] != nil ? .decoder(.none) : nil
    }

    /// Every architecture that makes vectors, asked or not.
    package static var embeddingArchitectures: [String] {
        (Array(encoders.keys) + vectorDecoders.keys + decoders.keys).sorted()
    }
}
