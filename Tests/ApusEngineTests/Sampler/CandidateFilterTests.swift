import ApusCore
import ApusTestSupport
import Testing

@testable import ApusEngine

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct CandidateFilterTests {
    /// Tokens that stay, best first.
    private func survivors(_ row: Row) -> [Int] {
        var logits = row.logits
        return logits.withUnsafeMutableBufferPointer { scores in
            let filter = CandidateFilter(row.parameters, vocabularySize: scores.count)
            var ranking = RankedTokens()
            let softmax = SoftmaxNormalizer(scores, Row.runtime)!
            let count = filter.select(scores, softmax, into: &ranking)
            return (0..<count).map { ranking.token(rank: $0) }
        }
    }

    /// The contract's words, one after the other, over a full sort.
    private func reference(_ row: Row) -> [Int] {
        let maximum = Double(row.logits.max()!)
        let weights = row.logits.map { exp(Double($0) - maximum) }
        let total = weights.reduce(0, +)
        let order = row.logits.indices.sorted {
            row.logits[$0] == row.logits[$1] ? $0 < $1 : row.logits[$0] > row.logits[$1]
        }
        var kept: [Int] = []
        let topP = row.parameters.topP < 1 ? Double(row.parameters.topP) : .infinity
        var exclusive = 0.0
        for (rank, token) in order.enumerated() {
            let probability = weights[token] / total
            let passes =
                rank < row.parameters.topK ?? .max && exclusive <= topP
                && probability >= weights[order[0]] / total * Double(row.parameters.minP)
            if passes || rank == 0 { kept.append(token) }
            exclusive += probability
        }
        return kept
    }

    private func row(_ probabilities: [Double]) -> Row {
        Row(probabilities.map { Float(log($0)) })
    }

    @Test func topPAsWorkedOut() {
        // Shuffled so that ranks are not ids: p = 0.5, 0.3, 0.15, 0.05 are tokens 2, 0, 3, 1.
        var row = row([0.3, 0.05, 0.5, 0.15])
        row.parameters.topP = 0.79
        #expect(survivors(row) == [2, 0])
        row.parameters.topP = 0.81
        #expect(survivors(row) == [2, 0, 3])
        row.parameters.topK = 2
        row.parameters.topP = 0.6
        #expect(survivors(row) == [2, 0])
        row.parameters.topP = 0.4
        #expect(survivors(row) == [2])
        row.parameters.topK = nil
        row.parameters.topP = 1
        row.parameters.minP = 0.4
        #expect(survivors(row) == [2, 0])
        row.parameters.minP = 1
        #expect(survivors(row) == [2])
    }

    /// top-p acts on the whole mass, not on what top-k leaves.
    @Test func topPDoesNotSeeTopK() {
        var row = row([0.4, 0.3, 0.2, 0.1])
        row.parameters.topK = 2
        row.parameters.topP = 0.5
        // Of the two that top-k leaves the first has 0.57 of the mass; of all it has 0.4.
        #expect(survivors(row) == [0, 1])
    }

    @Test(arguments: 0..<60)
    func agreesWithTheReference(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let count = [1, 2, 17, 300, 6000].randomElement(using: &random)!
        let spread = [Float(0.1), 2, 10, 60].randomElement(using: &random)!
        var row = Row((0..<count).map { _ in Float.random(in: -spread...spread, using: &random) })
        if count > 2 { row.logits[Int.random(in: 0..<count, using: &random)] = -.infinity }
        row.parameters.topK = [nil, nil, 1, 2, 40, 256, 257, 5000].randomElement(using: &random)!
        row.parameters.topP = [1, 0.95, 0.5, 0.01].randomElement(using: &random)!
        row.parameters.minP = [0, 0, 0.05, 0.5, 1].randomElement(using: &random)!
        let found = survivors(row)
        var expected = reference(row)
        // Where sums decide by rounding, one rank more or less is right.
        if abs(found.count - expected.count) == 1, row.parameters.topP < 1 || row.parameters.minP > 0 {
            let shorter = min(found.count, expected.count)
            #expect(count > 300 && shorter > 50, "seed \(seed): \(found.count) and \(expected.count) of \(count)")
            expected = Array(expected.prefix(found.count))
            #expect(found.prefix(shorter) == expected.prefix(shorter))
        } else {
            #expect(found == expected, "seed \(seed)")
        }
    }
}
