package import ApusCheckpoint
import ApusCore

/// What stays the same when the weights of a model that makes vectors are replaced.
package struct EmbeddingShape: Sendable {
    private let kind: EmbeddingKind
    private let decoder: ModelConfiguration?
    private let encoder: EncoderConfiguration?
    private let modules: SentenceModules?
    private let width: Int
    private let quantization: Quantization?
    /// Bytes of weights that stay in memory.
    package let weightByteCount: Int

    package init(_ loader: EmbeddingLoader, weightByteCount: Int) {
        kind = loader.kind
        decoder = loader.decoder
        encoder = loader.encoder
        modules = loader.kind.classifies ? nil : loader.modules
        width = loader.width
        quantization = loader.quantization
        self.weightByteCount = weightByteCount
    }

    /// What makes another model of it; nil: nothing.
    func difference(from other: EmbeddingShape) -> String? {
        guard kind == other.kind else { return "it is another kind of model" }
        if let decoder, let theirs = other.decoder, let difference = decoder.difference(from: theirs) {
            return difference
        }
        guard encoder == other.encoder else { return "its config.json differs in more than numbers may" }
        guard width == other.width else { return "it makes \(other.width) numbers, not \(width)" }
        guard modules == other.modules else { return "its sentence-transformers modules are others" }
        guard quantization == other.quantization else {
            return "the checkpoint is quantised as \(other.quantization?.name ?? "nothing"), the model in service is "
                + (quantization?.name ?? "not")
        }
        return nil
    }
}
