import ApusCore
import ApusTestSupport
import Testing

@testable import ApusEngine

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
}
