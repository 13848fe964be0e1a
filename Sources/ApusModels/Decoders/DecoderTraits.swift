import ApusCheckpoint

/// In what the decoders of the Llama family differ: which projections have biases and whether heads are normed.
struct DecoderTraits: Sendable, Hashable {
    /// Biases of q, k and v.
    var queryKeyValueBias: Bool
    /// Bias of o.
    var outputBias: Bool
    /// Biases of gate, up and down.
    var feedForwardBias: Bool
    /// RMS norms of each query and key head before rotation.
    var headNorms: Bool
}
