import ApusCheckpoint

extension DecoderTraits {
    /// Qwen2 and Qwen2.5 (Yang et al. 2024, arXiv 2407.10671): biases on q, k and v, whatever the configuration says.
    static func qwen2(_ configuration: ModelConfiguration) -> DecoderTraits {
        DecoderTraits(queryKeyValueBias: true, outputBias: false, feedForwardBias: false, headNorms: false)
    }
}
