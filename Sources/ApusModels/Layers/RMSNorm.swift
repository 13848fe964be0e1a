import ApusTensor

/// x / sqrt(mean(x^2) + epsilon) * weight (Zhang and Sennrich 2019).
struct RMSNorm {
    private let weight: AlignedBuffer
    private let epsilon: Float

    /// - Parameter size: Numbers that are normed together.
    init(_ scope: WeightScope, size: Int, epsilon: Float) throws {
        weight = try scope.vector("weight", count: size)
        self.epsilon = epsilon
    }

    /// x, y: [rows, size]
    func callAsFunction(_ x: Matrix, into y: Matrix, _ runtime: TensorRuntime) {
        runtime.rmsNorm(x, weight: weight.floats, epsilon: epsilon, into: y)
    }

    /// x: [rows, heads * size], each head normed on its own, in place.
    func heads(_ x: Matrix, size: Int, _ runtime: TensorRuntime) {
        runtime.rmsNormHeads(x, headDimension: size, weight: weight.floats, epsilon: epsilon)
    }
}
