import ApusCheckpoint
import ApusTensor

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Grouped-query self-attention (Ainslie et al. 2023) with rotated queries and keys (Su et al. 2021).
struct Attention {
    private let layer: Int
    private let projection: PackedWeight
    private let output: PackedWeight
    private let queryNorm: RMSNorm?
    private let keyNorm: RMSNorm?
    private let window: Int?
    private let headDimension: Int
    /// Columns of the fused projection.
    private let queries: Range<Int>
    private let keys: Range<Int>
    private let values: Range<Int>

    init(_ scope: WeightScope, _ configuration: ModelConfiguration, _ traits: DecoderTraits, layer: Int) throws {
        self.layer = layer
        window = configuration.windows[layer]
        headDimension = configuration.headDimension
        let queryWidth = configuration.headCount * headDimension
        let keyWidth = configuration.kvHeadCount * headDimension
        queries = 0..<queryWidth
        keys = queryWidth..<queryWidth + keyWidth
        values = queryWidth + keyWidth..<queryWidth + 2 * keyWidth
        projection = try scope.projection(
            [("q_proj", queryWidth), ("k_proj", keyWidth), ("v_proj", keyWidth)], inputs: configuration.hiddenSize,
            bias: traits.queryKeyValueBias)
        output = try scope.projection(
            [("o_proj", configuration.hiddenSize)], inputs: queryWidth, bias: traits.outputBias)
        if traits.headNorms {
            queryNorm = try RMSNorm(scope.scope("q_norm"), size: headDimension, epsilon: configuration.normEpsilon)
            keyNorm = try RMSNorm(scope.scope("k_norm"), size: headDimension, epsilon: configuration.normEpsilon)
        } else {
            queryNorm = nil
            keyNorm = nil
        }
    }

    /// Rotated queries of the rows, [rows, heads * headDimension], valid until the next projection; their keys and
    /// values go to the pool. x: [rows, hiddenSize]
    func project(_ x: Matrix, _ context: ForwardContext) -> Matrix {
        let runtime = context.runtime
        let fused = context.projected.matrix(rows: x.rows, columns: values.upperBound)
        runtime.linear(x, projection, into: fused)
        let query = fused.columns(queries)
        let key = fused.columns(keys)
        queryNorm?.heads(query, size: headDimension, runtime)
        keyNorm?.heads(key, size: headDimension, runtime)
        // Queries and keys are neighbours: one pass rotates both.
        let rotated = fused.columns(queries.lowerBound..<keys.upperBound)
        context.positions.withUnsafeBufferPointer {
            runtime.rotate(rotated, headDimension: headDimension, positions: $0, table: context.rotary)
        }
        let plane = context.pool.layer(layer)
        context.slots.withUnsafeBufferPointer { slots in
            runtime.store(key, into: plane.keys, slots: slots)
            runtime.store(fused.columns(values), into: plane.values, slots: slots)
        }
        return query
    }

    /// hidden += o(attention(query)). query is overwritten.
    ///
    /// query: [rows, heads * headDimension]; hidden: [rows, hiddenSize]; sequences: whose rows these are.
    func attend(
        _ query: Matrix, _ sequences: [AttentionSequence], addingTo hidden: Matrix, _ context: ForwardContext
    ) {
        let plane = context.pool.layer(layer)
        context.runtime.attention(
            query: query, keys: plane.keys, values: plane.values, sequences: sequences,
            scale: 1 / sqrt(Float(headDimension)), window: window, into: query)
        context.runtime.linear(query, output, into: hidden, epilogue: .accumulate)
    }

    var byteCount: Int { projection.byteCount + output.byteCount }
}
