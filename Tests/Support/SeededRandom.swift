package import ApusCore

/// A generator whose seed a failing test names, so that the failure can be run again.
package struct SeededRandom: RandomNumberGenerator {
    package let seed: UInt64
    private var generator: SplitMix64

    package init(seed: UInt64) {
        self.seed = seed
        generator = SplitMix64(seed: seed)
    }

    package mutating func next() -> UInt64 {
        generator.next()
    }

    /// Uniform in -1 ..< 1.
    package mutating func unit() -> Float {
        Float.random(in: -1..<1, using: &self)
    }

    package mutating func bytes(count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) }
    }
}
