import ApusCore
import ApusTestSupport
import Testing

@testable import ApusEngine

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct SamplerStepTests {
    /// The worked example of the contract: output 5, 5, 7.
    @Test func penaltiesAsWorkedOut() {
        var row = Row(Array(repeating: -10, count: 10))
        row.logits[5] = 2
        row.logits[7] = -1
        row.logits[9] = 0.5
        row.output = [5, 5, 7]
        row.parameters.frequencyPenalty = 0.5
        row.parameters.presencePenalty = 0.25
        row.parameters.repetitionPenalty = 1.25
        row.parameters.logitBias = [9: 1]
        let sampler = row.sampler
        row.logits.withUnsafeMutableBufferPointer { logits in
            PenaltyStep.apply(to: logits, sampler)
            #expect(logits[5] == 0.6)
            #expect(logits[7] == -2.1875)
            #expect(logits[9] == 0.5)
            LogitBiasStep.apply(to: logits, sampler)
            #expect(logits[9] == 1.5)
        }
        row.parameters.topK = 1
        row.logits = Array(repeating: -10, count: 10)
        row.logits[5] = 2
        row.logits[7] = -1
        row.logits[9] = 0.5
        #expect(row.choose().token == 9)
    }

    @Test func noEndBeforeTheMinimumLength() {
        var row = Row([5, 9, 8, 0])
        row.parameters.topK = 1
        row.parameters.minNewTokens = 2
        row.endTokenIDs = [1, 2, 1000, -1]
        #expect(row.choose().token == 0)
        row.output = [0]
        #expect(row.choose().token == 0)
        row.output = [0, 0]
        #expect(row.choose().token == 1)
        // A bias comes after the mask and cannot lift it.
        row.output = []
        row.parameters.logitBias = [1: 100, 3: 7]
        #expect(row.choose().token == 3)
    }

    @Test func greedyTakesTheLowestOfEquals() {
        var row = Row([1, 3, 3, -.infinity, 3])
        row.parameters.topK = 1
        #expect(row.choose().token == 1)
        row.logits = [-.infinity, -.infinity, -5]
        #expect(row.choose().token == 2)
    }

    @Test func numbersWithoutSoftmaxGiveNoToken() {
        for topK in [1, 2, nil] as [Int?] {
            var row = Row([1, .nan, 3])
            row.parameters.topK = topK
            #expect(row.choose().token == -1)
            row.logits = [-.infinity, -.infinity, -.infinity]
            #expect(row.choose().token == -1)
        }
        var row = Row([1, .infinity, 3])
        #expect(row.choose().token == -1)
        row.logits = [1, .nan, .infinity]
        row.options.sanitizes = true
        #expect(row.choose().token == 2)
    }

    @Test func logprobsCoverTheWholeVocabularyAtTheTemperature() throws {
        var row = Row([2, 1, 0, -.infinity])
        row.parameters.temperature = 0.5
        row.parameters.topK = 1
        row.logprobs = .init(topCount: 5, tokenIDs: [3, 0, 99])
        // exp(4), exp(2), exp(0): log sum = 4.14293163.
        let entry = try #require(row.choose().logprobs)
        #expect(abs(entry.logprob + 0.14293163) < 1e-6)
        #expect(entry.top.map(\.token) == [0, 1, 2, 3])
        #expect(abs(entry.top[1].logprob + 2.14293163) < 1e-6)
        #expect(entry.top[3].logprob == -3.4028234663852886e38)
        #expect(entry.chosen.map(\.token) == [3, 0])
        #expect(entry.chosen[1].logprob == entry.logprob)
        // Without the temperature: log sum of exp(2), exp(1), exp(0) = 2.40760596.
        row.options.ignoresTemperatureInLogprobs = true
        #expect(abs(try #require(row.choose().logprobs).logprob + 0.40760596) < 1e-6)
    }

    @Test func logprobsIncludePenaltiesAndBias() throws {
        var row = Row([1, 1])
        row.parameters.topK = 1
        row.output = [0]
        row.parameters.presencePenalty = 1
        row.parameters.logitBias = [1: 1]
        row.logprobs = .init(topCount: 0, tokenIDs: [0])
        let output = row.choose()
        #expect(output.token == 1)
        // Logits 0 and 2.
        let entry = try #require(output.logprobs)
        #expect(abs(entry.logprob + 0.12692801) < 1e-6)
        #expect(abs(entry.chosen[0].logprob + 2.12692801) < 1e-6)
        #expect(entry.top.isEmpty)
    }

    /// Ranking against a full sort, over sizes on both sides of each method's limit.
    @Test(arguments: [1, 5, 255, 256, 257, 4096, 4097, 20_000])
    func rankingIsASort(_ count: Int) {
        var random = SeededRandom(seed: UInt64(count))
        // Few distinct values: many ties. Negative zero equals zero.
        var scores = (0..<count).map { _ -> Float in
            let choices: [Float] = [Float.random(in: -9...9, using: &random), 0, -0.0, 1, -Float.infinity]
            return choices[Int.random(in: 0..<5, using: &random)]
        }
        let expected = scores.indices.sorted { scores[$0] == scores[$1] ? $0 < $1 : scores[$0] > scores[$1] }
        var ranking = RankedTokens()
        scores.withUnsafeMutableBufferPointer { scores in
            for size in [0, 1, 20, 256, 300, count, count + 1] {
                ranking.selectBest(size, of: scores)
                #expect((0..<ranking.count).map { ranking.token(rank: $0) } == Array(expected.prefix(size)))
            }
            ranking.selectAll(of: scores, notBelow: 0)
            #expect((0..<ranking.count).map { ranking.token(rank: $0) } == expected.filter { scores[$0] >= 0 })
        }
    }

    /// All steps of the contract in their order, in double precision and without a thought for speed.
    private func reference(_ row: Row) -> [Double] {
        let parameters = row.parameters
        var scores = row.logits.map(Double.init)
        for token in scores.indices {
            let count = row.output.count { Int($0) == token }
            scores[token] -= Double(parameters.frequencyPenalty) * Double(count)
            if count > 0 { scores[token] -= Double(parameters.presencePenalty) }
            if row.endTokenIDs.contains(Int32(token)), row.output.count < parameters.minNewTokens {
                scores[token] = -.infinity
            }
            let penalty = Double(parameters.repetitionPenalty)
            if count > 0 { scores[token] = scores[token] < 0 ? scores[token] * penalty : scores[token] / penalty }
            scores[token] += Double(parameters.logitBias[Int32(token)] ?? 0)
            scores[token] /= Double(parameters.temperature)
        }
        let best = scores.max()!
        let total = log(scores.reduce(0) { $0 + exp($1 - best) })
        return scores.map { max($0 - best - total, -Double(Float.greatestFiniteMagnitude)) }
    }

    @Test(arguments: 0..<60)
    func stepsAreTheContracts(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let count = [3, 17, 300].randomElement(using: &random)!
        var row = Row((0..<count).map { _ in Float.random(in: -9...9, using: &random) })
        func maybe(_ range: ClosedRange<Float>, else usual: Float) -> Float {
            Bool.random(using: &random) ? Float.random(in: range, using: &random) : usual
        }
        row.output = (0..<Int.random(in: 0...8, using: &random)).map { _ in
            Int32.random(in: 0..<Int32(count), using: &random)
        }
        row.parameters.frequencyPenalty = maybe(-2...2, else: 0)
        row.parameters.presencePenalty = maybe(-2...2, else: 0)
        row.parameters.repetitionPenalty = maybe(0.1...2, else: 1)
        row.parameters.temperature = maybe(0.1...3, else: 1)
        row.parameters.minNewTokens = Int.random(in: 0...8, using: &random)
        row.endTokenIDs = [Int32.random(in: 0..<Int32(count), using: &random)]
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            row.parameters.logitBias[Int32.random(in: 0..<Int32(count), using: &random)] =
                Float.random(in: -20...20, using: &random)
        }
        row.logprobs = .init(topCount: 2, tokenIDs: (0..<Int32(count)).map(\.self))
        let expected = reference(row)
        let found = try #require(row.choose().logprobs)
        #expect(found.chosen.count == count)
        for (entry, value) in zip(found.chosen, expected) {
            #expect(abs(Double(entry.logprob) - value) <= 2e-5 * max(1, abs(value)), "token \(entry.token)")
        }
        let best = expected.indices.sorted { expected[$0] > expected[$1] }.prefix(2)
        #expect(zip(found.top, best).allSatisfy { abs(Double($0.logprob) - expected[$1]) <= 2e-4 })
        row.parameters.topK = 1
        let greedy = Int(try #require(row.choose().token))
        #expect(expected[best[0]] - expected[greedy] < 1e-4)
    }
}
