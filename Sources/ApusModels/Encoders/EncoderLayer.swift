import ApusCheckpoint
import ApusCore
import ApusTensor

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One block of a post-norm encoder (Vaswani et al. 2017; Devlin et al. 2019): every token sees its whole text, then the
/// feed-forward layer; each is added to the stream, which is then normed.
struct EncoderLayer {
    private let projection: PackedWeight
    private let output: PackedWeight
    private let outputNorm: LayerNorm
    private let up: PackedWeight
    private let down: PackedWeight
    private let downNorm: LayerNorm
    private let headCount: Int
    private let headDimension: Int
    private let gelu: TensorRuntime.GELU
    private let element: ElementType

    init(_ scope: WeightScope, _ configuration: EncoderConfiguration) throws {
        let size = configuration.hiddenSize
        let epsilon = configuration.normEpsilon
        headCount = configuration.headCount
        headDimension = configuration.headDimension
        gelu = configuration.activation == .gelu ? .exact : .tanh
        element = scope.loader.element
        projection = try scope.scope("attention.self").projection(
            [("query", size), ("key", size), ("value", size)], inputs: size, bias: true)
        output = try scope.scope("attention.output").projection([("dense", size)], inputs: size, bias: true)
        outputNorm = try LayerNorm(scope.scope("attention.output.LayerNorm"), size: size, epsilon: epsilon)
        up = try scope.scope("intermediate").projection(
            [("dense", configuration.intermediateSize)], inputs: size, bias: true)
        down = try scope.scope("output").projection(
            [("dense", size)], inputs: configuration.intermediateSize, bias: true)
        downNorm = try LayerNorm(scope.scope("output.LayerNorm"), size: size, epsilon: epsilon)
    }

    /// hidden: [rows, hiddenSize], changed in place.
    func callAsFunction(_ hidden: Matrix, _ context: EncoderContext) {
        let runtime = context.runtime
        let size = hidden.columns
        let fused = context.projected.matrix(rows: hidden.rows, columns: 3 * size)
        runtime.linear(hidden, projection, into: fused)
        let query = fused.columns(0..<size)
        let keys = plane(context.keys, of: fused.columns(size..<2 * size), context)
        let values = plane(context.values, of: fused.columns(2 * size..<3 * size), context)
        context.slots.withUnsafeBufferPointer { slots in
            let sequences = context.texts.map { text in
                AttentionSequence(
                    rows: text, positionStart: 0, slots: slots.baseAddress.map { $0 + text.lowerBound },
                    length: text.count)
            }
            runtime.attention(
                query: query, keys: keys, values: values, sequences: sequences,
                scale: 1 / sqrt(Float(headDimension)), into: query)
        }
        runtime.linear(query, output, into: hidden, epilogue: .accumulate)
        outputNorm(hidden, into: hidden, runtime)

        let expanded = context.expanded.matrix(rows: hidden.rows, columns: up.outputs)
        runtime.linear(hidden, up, into: expanded)
        runtime.gelu(expanded, gelu, into: expanded)
        runtime.linear(expanded, down, into: hidden, epilogue: .accumulate)
        downNorm(hidden, into: hidden, runtime)
    }

    /// Keys or values of the batch in the format that is multiplied in.
    private func plane(_ buffer: AlignedBuffer, of rows: Matrix, _ context: EncoderContext) -> KVPlane {
        buffer.reserve(
            byteCount: KVPlane.byteCount(
                slots: rows.rows, kvHeads: headCount, headDimension: headDimension, format: .plain(element)))
        let plane = KVPlane(
            base: buffer.base, format: .plain(element), slots: rows.rows, kvHeads: headCount,
            headDimension: headDimension)
        context.slots.withUnsafeBufferPointer { slots in
            context.runtime.store(rows, into: plane, slots: UnsafeBufferPointer(rebasing: slots[..<rows.rows]))
        }
        return plane
    }

    var byteCount: Int { projection.byteCount + output.byteCount + up.byteCount + down.byteCount }
}
