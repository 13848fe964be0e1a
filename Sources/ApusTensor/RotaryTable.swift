#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Cosines and sines of rotary position embeddings (RoFormer, equation 34) for positions 0 ..< `positions`.
package final class RotaryTable: Sendable {
    /// Pairs of numbers that are rotated: half the rotary dimension.
    package let half: Int
    package let positions: Int

    private let values: AlignedBuffer

    /// - Parameters:
    ///   - inverseFrequencies: radians per position of each pair; scaling (llama3, …) is already in them.
    ///   - positions: positions that the table covers.
    ///   - scale: what cosines and sines are multiplied with (1 except for YaRN).
    /// - Throws: `TensorError.outOfMemory`.
    package init(inverseFrequencies: [Float], positions: Int, scale: Float = 1) throws(TensorError) {
        precondition(!inverseFrequencies.isEmpty && positions > 0)
        half = inverseFrequencies.count
        self.positions = positions
        values = try AlignedBuffer(byteCount: positions * half * 2 * MemoryLayout<Float>.stride)
        var at = values.floats
        for position in 0..<positions {
            for (index, frequency) in inverseFrequencies.enumerated() {
                // The angle is a float32 product, as in the reference implementations; its cosine is rounded once.
                let angle = Double(Float(position) * frequency)
                at[index] = Float(cos(angle)) * scale
                at[half + index] = Float(sin(angle)) * scale
            }
            at += 2 * half
        }
    }

    /// Bytes that stay resident.
    package var byteCount: Int { values.byteCount }

    func cosines(at position: Int) -> UnsafePointer<Float> {
        precondition(position >= 0 && position < positions)
        return UnsafePointer(values.floats + position * 2 * half)
    }

    func sines(at position: Int) -> UnsafePointer<Float> {
        cosines(at: position) + half
    }
}
