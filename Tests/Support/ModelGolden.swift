import ApusCheckpoint

/// What transformers in float32 answers to one prompt.
package struct ModelGolden: Sendable {
    package let prompt: [Int32]
    /// [vocabulary] after the last token.
    package let logits: [Float]
    /// Of each prompt token after the first.
    package let logprobs: [Float]
    /// 64 tokens, greedy.
    package let continuation: [Int32]
    /// [layers, prompt, chosen]: whom the prompt's tokens visit, -1 in dense layers; empty without experts.
    package let experts: [Int32]

    /// The three prompts of a model.
    package static func all(_ model: String) throws -> [ModelGolden] {
        let file = try MappedFile(path: ModelFixtures.golden(model))
        let entries = try Safetensors(file).entries
        func numbers<Number>(_ name: String, _ type: Number.Type) -> [Number] {
            guard let entry = entries.first(where: { $0.name == name }) else { return [] }
            return (0..<entry.shape.reduce(1, *)).map {
                file.bytes.loadUnaligned(fromByteOffset: entry.range.lowerBound + $0 * 4, as: type)
            }
        }
        return (0..<3).map { index in
            ModelGolden(
                prompt: numbers("prompt.\(index)", Int32.self), logits: numbers("logits.\(index)", Float.self),
                logprobs: numbers("logprobs.\(index)", Float.self),
                continuation: numbers("continuation.\(index)", Int32.self),
                experts: numbers("experts.\(index)", Int32.self))
        }
    }
}
