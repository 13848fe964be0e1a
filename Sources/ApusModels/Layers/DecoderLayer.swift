import ApusCheckpoint
import ApusTensor

/// One block of a pre-norm decoder: attention, then the feed-forward layer, each added to the residual stream.
struct DecoderLayer {
    private let inputNorm: RMSNorm
    private let attention: Attention
    private let postAttentionNorm: RMSNorm
    private let mlp: MLP

    init(_ scope: WeightScope, _ configuration: ModelConfiguration, _ traits: DecoderTraits, layer: Int) throws {
        let size = configuration.hiddenSize
        let epsilon = configuration.normEpsilon
        mlp = try MLP(scope.scope("mlp"), configuration, traits)
        attention = try Attention(scope.scope("self_attn"), configuration, traits, layer: layer)
        inputNorm = try RMSNorm(scope.scope("input_layernorm"), size: size, epsilon: epsilon)
        postAttentionNorm = try RMSNorm(scope.scope("post_attention_layernorm"), size: size, epsilon: epsilon)
    }

    /// hidden: [rows, hiddenSize], changed in place.
    func callAsFunction(_ hidden: Matrix, _ context: ForwardContext) {
        let x = context.normed.matrix(rows: hidden.rows, columns: hidden.columns)
        inputNorm(hidden, into: x, context.runtime)
        attention(x, addingTo: hidden, context)
        postAttentionNorm(hidden, into: x, context.runtime)
        mlp(x, addingTo: hidden, context)
    }

    var byteCount: Int { attention.byteCount + mlp.byteCount }
}
