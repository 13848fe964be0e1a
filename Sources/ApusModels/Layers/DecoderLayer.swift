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
        let query = attention.project(x, context)
        attention.attend(query, context.sequences, addingTo: hidden, context)
        postAttentionNorm(hidden, into: x, context.runtime)
        mlp(x, addingTo: hidden, context)
    }

    /// The last layer of a step: all rows leave their keys and values, but only `context.kept` go on.
    ///
    /// - Returns: The residual stream of the kept rows, [kept, hiddenSize].
    func last(_ hidden: Matrix, _ context: ForwardContext) -> Matrix {
        if context.kept.count == hidden.rows {
            self(hidden, context)
            return hidden
        }
        let runtime = context.runtime
        let x = context.normed.matrix(rows: hidden.rows, columns: hidden.columns)
        inputNorm(hidden, into: x, runtime)
        let queries = attention.project(x, context)
        let count = context.kept.count
        let kept = context.keptHidden.matrix(rows: count, columns: hidden.columns)
        guard count > 0 else { return kept }
        let query = context.keptQueries.matrix(rows: count, columns: queries.columns)
        context.kept.withUnsafeBufferPointer { rows in
            runtime.select(hidden, rows: rows, into: kept)
            runtime.select(queries, rows: rows, into: query)
        }
        attention.attend(query, context.keptSequences, addingTo: kept, context)
        let normed = x.rows(0..<count)
        postAttentionNorm(kept, into: normed, runtime)
        mlp(normed, addingTo: kept, context)
        return kept
    }

    var byteCount: Int { attention.byteCount + mlp.byteCount }
}
