import ApusCheckpoint
import ApusJSON

extension DecoderTraits {
    /// Qwen2 and Qwen2.5 (Yang et al. 2024, arXiv 2407.10671): biases on q, k and v, whatever the configuration says.
    static func qwen2(_ configuration: ModelConfiguration) -> DecoderTraits {
        DecoderTraits(queryKeyValueBias: true, outputBias: false, feedForwardBias: false, headNorms: false)
    }

    /// Qwen1.5-MoE and Qwen2-MoE: Qwen2 with experts, whose biases the configuration may leave out.
    static func qwen2Moe(_ configuration: ModelConfiguration) -> DecoderTraits {
        var traits = qwen2(configuration)
        traits.queryKeyValueBias = configuration.members["qkv_bias"]?.boolValue ?? true
        return traits
    }
}
