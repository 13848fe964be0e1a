import ApusCheckpoint

extension DecoderTraits {
    /// Qwen3 (Yang et al. 2025, arXiv 2505.09388): norms of query and key heads instead of biases; its
    /// mixtures of experts differ in nothing else.
    static func qwen3(_ configuration: ModelConfiguration) -> DecoderTraits {
        DecoderTraits(
            queryKeyValueBias: configuration.attentionBias, outputBias: configuration.attentionBias,
            feedForwardBias: false, headNorms: true)
    }
}
