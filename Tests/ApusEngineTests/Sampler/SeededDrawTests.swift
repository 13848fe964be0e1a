import ApusCore
import ApusTestSupport
import Testing

@testable import ApusEngine

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct SeededDrawTests {
    /// MurmurHash3 x86 32 of sixteen bytes, written down again from its description.
    private func murmur(_ words: [UInt32]) -> UInt32 {
        func rotated(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
        var h: UInt32 = 0
        for word in words {
            h ^= rotated(word &* 0xCC9E_2D51, 15) &* 0x1B87_3593
            h = rotated(h, 13) &* 5 &+ 0xE654_6B64
        }
        h ^= UInt32(words.count * 4)
        h = (h ^ h >> 16) &* 0x85EB_CA6B
        h = (h ^ h >> 13) &* 0xC2B2_AE35
        return h ^ h >> 16
    }

    @Test func hashesTheFourWords() {
        for (seed, position, column) in [(0, 0, 0), (42, 6, 1), (UInt64.max, 1 << 20, 151_935)] {
            let words = [UInt32(truncatingIfNeeded: seed), UInt32(seed >> 32), UInt32(position), UInt32(column)]
            #expect(SeededDraw(seed: seed, position: position).hash(column: column) == murmur(words))
        }
        #expect(SeededDraw(seed: 0, position: 0).hash(column: 0) == 0x8134_CDF8)
        #expect(SeededDraw(seed: 2 << 32 | 1, position: 3).hash(column: 4) == 0x4445_AD00)
    }

    @Test func noiseHasItsBounds() {
        #expect(SeededDraw.gumbel(0) == -log(Double.greatestFiniteMagnitude))
        #expect(abs(SeededDraw.gumbel(.max) - 32 * log(2.0)) < 1e-12)
        // u = 1/2 nearly: -log(log 2).
        #expect(abs(SeededDraw.gumbel(0x8000_0000) + log(log(2.0))) < 1e-8)
    }

    /// The search that skips columns finds what looking at all of them finds.
    @Test(arguments: 0..<40)
    func skippingChangesNothing(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let spread = [Float(0), 1, 8, 40].randomElement(using: &random)!
        let scores = (0..<3000).map { _ in spread == 0 ? 0 : Float.random(in: -spread...spread, using: &random) }
        let draw = SeededDraw(seed: random.next(), position: Int(seed))
        let sums = scores.indices.map { Double(scores[$0]) + SeededDraw.gumbel(draw.hash(column: $0)) }
        let expected = sums.indices.max { sums[$0] < sums[$1] || (sums[$0] == sums[$1] && $0 > $1) }
        let start = Int.random(in: 0..<3000, using: &random)
        #expect(draw.column(count: 3000, best: start) { scores[$0] } == expected)
    }

    /// Draws over many positions have the distribution that was asked for.
    private func chiSquare(_ row: Row, expected: [Double], draws: Int = 20_000) -> Double {
        var counts = [Int](repeating: 0, count: expected.count)
        for position in 0..<draws { counts[Int(row.choose(position: position).token!)] += 1 }
        return zip(counts, expected).reduce(0) { sum, pair in
            let mean = pair.1 * Double(draws)
            guard mean > 0 else {
                #expect(pair.0 == 0, "a token of probability zero was drawn")
                return sum
            }
            return sum + (Double(pair.0) - mean) * (Double(pair.0) - mean) / mean
        }
    }

    @Test func drawsTheFullDistribution() {
        let probabilities = [0.4, 0.25, 0.15, 0.1, 0.06, 0.04]
        let row = Row(probabilities.map { Float(log($0)) })
        // Five degrees of freedom: 20.5 is exceeded once in a thousand.
        #expect(chiSquare(row, expected: probabilities) < 20.5)
    }

    @Test func drawsAtTheTemperature() {
        let probabilities = [0.4, 0.25, 0.15, 0.1, 0.06, 0.04]
        var row = Row(probabilities.map { Float(log($0)) })
        row.parameters.temperature = 0.5
        row.seed = 99
        let squares = probabilities.map { $0 * $0 }
        #expect(chiSquare(row, expected: squares.map { $0 / squares.reduce(0, +) }) < 20.5)
    }

    @Test func drawsWhatTheFiltersLeave() {
        var row = Row([0.04, 0.25, 0.4, 0.1, 0.06, 0.15].map { Float(log($0)) })
        row.parameters.topP = 0.6
        row.seed = 7
        // 0.4, 0.25 and no more: 0.65 exceeds 0.6. Two degrees fewer than three tokens: 10.8 once in a thousand.
        #expect(chiSquare(row, expected: [0, 0.25 / 0.65, 0.4 / 0.65, 0, 0, 0]) < 10.8)
        row.parameters.topP = 1
        row.parameters.topK = 3
        #expect(chiSquare(row, expected: [0, 0.25 / 0.8, 0.4 / 0.8, 0, 0, 0.15 / 0.8]) < 13.8)
    }

    @Test func seedAndPositionDecide() {
        var row = Row((0..<50).map { _ in 0 })
        let tokens = (0..<20).map { row.choose(position: $0).token }
        #expect(tokens == (0..<20).map { row.choose(position: $0).token })
        #expect(Set(tokens).count > 10)
        row.seed = 2
        #expect(tokens != (0..<20).map { row.choose(position: $0).token })
        // The upper half of the seed counts.
        row.seed = 2 | 1 << 40
        let other = (0..<20).map { row.choose(position: $0).token }
        row.seed = 2
        #expect(other != (0..<20).map { row.choose(position: $0).token })
    }
}
