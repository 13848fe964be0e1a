/// `SGLANG_SANITIZE_NAN_LOGITS=1`: numbers that no softmax survives become very large or very small ones.
enum SanitizeStep {
    static func apply(to logits: UnsafeMutableBufferPointer<Float>) {
        for index in logits.indices {
            let logit = logits[index]
            if logit.isFinite { continue }
            logits[index] = logit == .infinity ? 1e30 : -1e30
        }
    }

    /// Whether any number is NaN.
    static func hasNaN(_ logits: UnsafeMutableBufferPointer<Float>) -> Bool {
        // On bits, as an integer maximum: it vectorises, and no comparison of floats does so without -ffast-math.
        var largest: UInt32 = 0
        for logit in logits { largest = max(largest, logit.bitPattern & 0x7FFF_FFFF) }
        return largest > Float.infinity.bitPattern
    }
}
