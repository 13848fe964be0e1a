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

    /// hidden += o(attention(x)); keys and values of the rows are stored in the pool.
    ///
    /// x, hidden: [rows, hiddenSize]
    func callAsFunction(_ x: Matrix, addingTo hidden: Matrix, _ context: ForwardContext) {
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
        runtime.attention(
            query: query, keys: plane.keys, values: plane.values, sequences: context.sequences,
            scale: 1 / sqrt(Float(headDimension)), window: window, into: query)
        runtime.linear(query, output, into: hidden, epilogue: .accumulate)
    }

    var byteCount: Int { projection.byteCount + output.byteCount }
}
