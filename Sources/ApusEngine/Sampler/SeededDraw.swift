#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Draws by adding Gumbel noise to log probabilities and taking the largest: the noise is a hash of
/// (seed, position, column), so that a draw depends on nothing else in the batch.
///
/// The hash is MurmurHash3 x86 32 over the four words (seed low, seed high, position, column); the largest sum of
/// log p and -log(-log u) is distributed as p (Gumbel 1954; Maddison, Tarlow, Minka: "A* sampling", 2014).
struct SeededDraw {
    /// Hash state after the first three words.
    private let prefix: UInt32

    /// - Parameter position: Number of tokens before the one that is drawn, less one.
    init(seed: UInt64, position: Int) {
        var state: UInt32 = 0
        state = Self.mix(state, UInt32(truncatingIfNeeded: seed))
        state = Self.mix(state, UInt32(truncatingIfNeeded: seed >> 32))
        prefix = Self.mix(state, UInt32(truncatingIfNeeded: position))
    }

    @inline(__always)
    func hash(column: Int) -> UInt32 {
        var h = Self.mix(prefix, UInt32(truncatingIfNeeded: column))
        h ^= 16  // length in bytes
        h ^= h >> 16
        h = h &* 0x85EB_CA6B
        h ^= h >> 13
        h = h &* 0xC2B2_AE35
        h ^= h >> 16
        return h
    }

    /// Noise of a hash; between -709.8 and 22.2.
    static func gumbel(_ hash: UInt32) -> Double {
        let u = Double(hash) / 4_294_967_295
        let x = min(max(log(u), -Double.greatestFiniteMagnitude), -0x1p-32)
        return -log(-x)
    }

    /// The column of 0 ..< count with the largest score plus noise, the first of equals.
    ///
    /// - Parameters:
    ///   - best: A column with a large score, which makes the search short; any column is right.
    ///   - score: log p of a column up to a constant; never NaN.
    @inline(__always)
    func column(count: Int, best: Int, score: (Int) -> Float) -> Int {
        var chosen = best
        var largest = Double(score(best)) + Self.gumbel(hash(column: best))
        for column in 0..<count {
            let h = hash(column: column)
            // With c = 1 - u in units of 2^-32 the noise is at most log(2^32 / c): an upper bound from the leading
            // zeros of c spares most columns the two logarithms. One unit more covers rounding.
            let bound = Double((~h).leadingZeroBitCount + 2) * 0.693_147_180_559_945_3
            if Double(score(column)) + bound < largest { continue }
            let sum = Double(score(column)) + Self.gumbel(h)
            if sum > largest || (sum == largest && column < chosen) {
                largest = sum
                chosen = column
            }
        }
        return chosen
    }

    @inline(__always)
    private static func mix(_ state: UInt32, _ word: UInt32) -> UInt32 {
        var k = word &* 0xCC9E_2D51
        k = k << 15 | k >> 17
        k = k &* 0x1B87_3593
        let h = state ^ k
        return (h << 13 | h >> 19) &* 5 &+ 0xE654_6B64
    }
}
