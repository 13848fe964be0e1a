import ApusTensor

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What turns the scores of one row into probabilities: their maximum and the sum of exponentials.
struct SoftmaxNormalizer {
    let maximum: Float
    /// Sum of exp(score - maximum), at least 1.
    let sum: Float
    private let logSum: Double

    /// nil when the scores have no softmax: all are -infinity, or one is +infinity.
    init?(_ scores: UnsafeMutableBufferPointer<Float>, _ runtime: TensorRuntime) {
        maximum = runtime.maximum(UnsafeBufferPointer(scores))
        guard maximum.isFinite else { return nil }
        sum = runtime.exponentials(UnsafeBufferPointer(scores), shift: maximum, into: nil)
        guard sum.isFinite, sum > 0 else { return nil }
        logSum = log(Double(sum))
    }

    func probability(_ score: Float) -> Float {
        exp(score - maximum) / sum
    }

    /// log p, never below the lowest finite float32.
    func logProbability(_ score: Float) -> Float {
        max(Float(Double(score) - Double(maximum) - logSum), -Float.greatestFiniteMagnitude)
    }
}
