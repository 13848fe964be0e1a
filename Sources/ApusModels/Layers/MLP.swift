import ApusCheckpoint
import ApusTensor

/// down(silu(gate(x)) * up(x)) (Shazeer 2020, "SwiGLU").
struct MLP {
    private let gateUp: PackedWeight
    private let down: PackedWeight
    private let width: Int

    init(_ scope: WeightScope, _ configuration: ModelConfiguration, _ traits: DecoderTraits) throws {
        width = configuration.intermediateSize
        gateUp = try scope.projection(
            [("gate_proj", width), ("up_proj", width)], inputs: configuration.hiddenSize,
            bias: traits.feedForwardBias, arrangement: .paired)
        down = try scope.projection(
            [("down_proj", configuration.hiddenSize)], inputs: width, bias: traits.feedForwardBias)
    }

    /// hidden += MLP(x). x, hidden: [rows, hiddenSize]
    func callAsFunction(_ x: Matrix, addingTo hidden: Matrix, _ context: ForwardContext) {
        let expanded = context.expanded.matrix(rows: x.rows, columns: width)
        context.runtime.linear(x, gateUp, into: expanded, epilogue: .siluMultiply)
        context.runtime.linear(expanded, down, into: hidden, epilogue: .accumulate)
    }

    var byteCount: Int { gateUp.byteCount + down.byteCount }
}
