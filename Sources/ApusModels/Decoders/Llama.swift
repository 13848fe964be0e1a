import ApusCheckpoint

extension DecoderTraits {
    /// Llama 2 to 3.2 (Touvron et al. 2023, arXiv 2307.09288; Grattafiori et al. 2024, arXiv 2407.21783) and Mistral 7B
    /// (Jiang et al. 2023, arXiv 2310.06825), which adds the sliding window that the configuration states per layer, and
    /// Mixtral, which has experts besides.
    static func llama(_ configuration: ModelConfiguration) -> DecoderTraits {
        DecoderTraits(
            queryKeyValueBias: configuration.attentionBias, outputBias: configuration.attentionBias,
            feedForwardBias: configuration.feedForwardBias, headNorms: false)
    }
}
