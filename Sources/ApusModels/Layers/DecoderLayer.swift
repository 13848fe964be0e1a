import ApusCheckpoint
import ApusTensor

/// One block of a pre-norm decoder: attention, then the feed-forward layer, each added to the residual stream.
struct DecoderLayer {
    private let inputNorm: RMSNorm
    private let attention: Attention
    private let postAttentionNorm: RMSNorm
    private let feedForward: FeedForward

    private enum FeedForward {
        case dense(MLP)
        case sparse(SparseMLP)
    }

    init(_ scope: WeightScope, _ configuration: ModelConfiguration, _ traits: DecoderTraits, layer: Int) throws {
        let size = configuration.hiddenSize
        let epsilon = configuration.normEpsilon
        if let experts = configuration.experts, experts.sparseLayers[layer] {
            feedForward = .sparse(try SparseMLP(scope, configuration, experts, layer: layer))
        } else {
            feedForward = .dense(
                try MLP(
                    scope.scope("mlp"), hiddenSize: size, width: configuration.intermediateSize,
                    bias: traits.feedForwardBias))
        }
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
        switch feedForward {
        case .dense(let mlp): mlp(x, into: hidden, epilogue: .accumulate, context)
        case .sparse(let mlp): mlp(x, addingTo: hidden, context)
        }
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
        if case .sparse(let mlp) = feedForward, context.observer != nil {
            return listened(hidden, queries, x, into: kept, mlp, context)
        }
        guard count > 0 else { return kept }
        let query = context.keptQueries.matrix(rows: count, columns: queries.columns)
        context.kept.withUnsafeBufferPointer { rows in
            runtime.select(hidden, rows: rows, into: kept)
            runtime.select(queries, rows: rows, into: query)
        }
        attention.attend(query, context.keptSequences, addingTo: kept, context)
        let normed = x.rows(0..<count)
        postAttentionNorm(kept, into: normed, runtime)
        switch feedForward {
        case .dense(let mlp): mlp(normed, into: kept, epilogue: .accumulate, context)
        case .sparse(let mlp): mlp(normed, addingTo: kept, context)
        }
        return kept
    }

    /// The rest of `last` while somebody listens whom the rows visit: all rows choose, though only the kept ones go.
    private func listened(
        _ hidden: Matrix, _ queries: Matrix, _ x: Matrix, into kept: Matrix, _ mlp: SparseMLP,
        _ context: ForwardContext
    ) -> Matrix {
        let runtime = context.runtime
        attention.attend(queries, context.sequences, addingTo: hidden, context)
        postAttentionNorm(hidden, into: x, runtime)
        mlp.route(x, context)
        guard kept.rows > 0 else { return kept }
        context.kept.withUnsafeBufferPointer { runtime.select(hidden, rows: $0, into: kept) }
        let normed = x.rows(0..<kept.rows)
        postAttentionNorm(kept, into: normed, runtime)
        mlp.again(normed, addingTo: kept, context)
        return kept
    }

    var byteCount: Int {
        switch feedForward {
        case .dense(let mlp): attention.byteCount + mlp.byteCount
        case .sparse(let mlp): attention.byteCount + mlp.byteCount
        }
    }
}
