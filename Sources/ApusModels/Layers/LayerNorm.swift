import ApusTensor

/// (x - mean) / sqrt(variance + epsilon) * weight + bias (Ba et al. 2016).
struct LayerNorm {
    private let weight: AlignedBuffer
    private let bias: AlignedBuffer
    private let epsilon: Float

    /// - Parameter size: Numbers that are normed together.
    init(_ scope: WeightScope, size: Int, epsilon: Float) throws {
        weight = try scope.vector("weight", count: size)
        bias = try scope.vector("bias", count: size)
        self.epsilon = epsilon
    }

    /// x, y: [rows, size]; y may be x.
    func callAsFunction(_ x: Matrix, into y: Matrix, _ runtime: TensorRuntime) {
        runtime.layerNorm(x, weight: weight.floats, bias: bias.floats, epsilon: epsilon, into: y)
    }
}
