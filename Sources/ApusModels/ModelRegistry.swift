package import ApusCheckpoint

/// The architectures that can be served, by the name in config.json's `architectures`.
package enum ModelRegistry {
    static let decoders: [String: @Sendable (ModelConfiguration) -> DecoderTraits] = [
        "LlamaForCausalLM": DecoderTraits.llama,
        "MistralForCausalLM": DecoderTraits.llama,
        "MixtralForCausalLM": DecoderTraits.llama,
        "Qwen2ForCausalLM": DecoderTraits.qwen2,
        "Qwen2MoeForCausalLM": DecoderTraits.qwen2Moe,
        "Qwen3ForCausalLM": DecoderTraits.qwen3,
        "Qwen3MoeForCausalLM": DecoderTraits.qwen3,
    ]

    package static var architectures: [String] { decoders.keys.sorted() }

    /// - Throws: `ModelError.unknownArchitecture`, which lists the known ones.
    static func traits(of configuration: ModelConfiguration) throws(ModelError) -> DecoderTraits {
        guard let traits = decoders[configuration.architecture] ?? vectorDecoders[configuration.architecture] else {
            throw .unknownArchitecture(configuration.architecture, supported: architectures)
        }
        return traits(configuration)
    }

    /// Checks, before anything is loaded, that the architecture is known.
    package static func check(_ configuration: ModelConfiguration) throws(ModelError) {
        guard decoders[configuration.architecture] != nil else {
            throw .unknownArchitecture(configuration.architecture, supported: architectures)
        }
    }
}
