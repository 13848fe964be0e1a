import ApusTensor

/// What the layers of one step share: the rows' places and the buffers they pass on. Kept from step to step.
final class ForwardContext {
    let runtime: TensorRuntime
    let pool: KVPool
    let rotary: RotaryTable
    /// Position of each row.
    var positions: [Int32] = []
    /// KV slot of each row.
    var slots: [Int32] = []
    var sequences: [AttentionSequence] = []
    /// Rows whose residual stream is wanted after the last layer, and the sequences of those rows alone.
    var kept: [Int32] = []
    var keptSequences: [AttentionSequence] = []
    /// First rows of sequences that begin with given numbers instead of vectors of tokens, and these numbers.
    var embeddings: [(row: Int, numbers: ArraySlice<Float>)] = []
    /// Whom the rows at hand visit, in models with experts.
    let routing = ExpertRouting()
    /// Who is to hear of it; nil: nobody.
    var observer: (any RoutingObserver)?

    // Memory of activations by their place in a layer.
    let hidden = AlignedBuffer()
    let normed = AlignedBuffer()
    let projected = AlignedBuffer()
    let expanded = AlignedBuffer()
    let scores = AlignedBuffer()
    let grouped = AlignedBuffer()
    let keptHidden = AlignedBuffer()
    let keptQueries = AlignedBuffer()
    let selected = AlignedBuffer()
    let logits = AlignedBuffer()

    init(runtime: TensorRuntime, pool: KVPool, rotary: RotaryTable) {
        self.runtime = runtime
        self.pool = pool
        self.rotary = rotary
    }
}
