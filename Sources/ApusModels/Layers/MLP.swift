import ApusTensor

/// down(silu(gate(x)) * up(x)) (Shazeer 2020, "SwiGLU").
struct MLP {
    private let gateUp: PackedWeight
    private let down: PackedWeight
    private let width: Int

    init(_ scope: WeightScope, hiddenSize: Int, width: Int, bias: Bool) throws {
        self.width = width
        gateUp = try scope.projection(
            [("gate_proj", width), ("up_proj", width)], inputs: hiddenSize, bias: bias, arrangement: .paired)
        down = try scope.projection([("down_proj", hiddenSize)], inputs: width, bias: bias)
    }

    /// y = MLP(x), or with `accumulate` y += MLP(x). x, y: [rows, hiddenSize]
    func callAsFunction(_ x: Matrix, into y: Matrix, epilogue: Epilogue, _ context: ForwardContext) {
        context.runtime.gated(
            x, gateUp, down, expanded: context.expanded.matrix(rows: x.rows, columns: width), into: y,
            epilogue: epilogue)
    }

    var byteCount: Int { gateUp.byteCount + down.byteCount }
}
