import ApusCore
import ApusGrammar
import ApusTestSupport
import Testing

@testable import ApusEngine

/// Masks of grammars where they meet the rest of the sampler.
struct GrammarStepTests {
    /// 200 tokens: byte 40 and on for the first 80, none for the rest; the grammar is "A" or "AB", or any of "A" … "Z".
    private static func matcher(_ expression: GrammarExpression, endTokens: [Int32] = [199]) throws -> GrammarMatcher {
        var grammar = Grammar()
        grammar.define(grammar.root, as: expression)
        let vocabulary = Vocabulary((0..<200).map { $0 < 80 ? [UInt8(40 + $0)] : [] })
        return GrammarMatcher(
            try CompiledGrammar(grammar, trie: TokenTrie(vocabulary), limit: CompilationLimit()),
            endTokens: endTokens)
    }

    private static let letters = GrammarExpression.repetition(.scalars(ScalarSet([0x41...0x5A])), min: 1, max: nil)

    private func choose(
        _ row: Row, _ matcher: GrammarMatcher, after tokens: [Int32] = [], position: Int = 0
    ) -> SequenceOutput {
        let sampler = row.sampler
        sampler.bind(matcher)
        for token in tokens { sampler.note(token) }
        var scratch = Sampler.Scratch()
        var logits = row.logits
        return logits.withUnsafeMutableBufferPointer {
            Sampler(Row.runtime, options: row.options).choose(
                $0, sampler: sampler, position: position, scratch: &scratch)
        }
    }

    @Test func onlyAllowedTokensAreDrawn() throws {
        var random = SeededRandom(seed: 11)
        // More rows of logits than tokens: the head may be padded.
        var row = Row((0..<210).map { _ in random.unit() * 5 })
        for seed in UInt64(0)..<200 {
            row.seed = seed
            let first = try #require(choose(row, try Self.matcher(Self.letters)).token)
            #expect((25...50).contains(first))
            let second = try #require(choose(row, try Self.matcher(Self.letters), after: [25]).token)
            #expect((25...50).contains(second) || second == 199)
        }
    }

    @Test func maskBeforeBiasAndAfterPenalties() throws {
        var row = Row(Array(repeating: 0, count: 200))
        row.parameters.topK = 1
        row.logits[3] = 50
        row.logits[30] = 1
        #expect(choose(row, try Self.matcher(Self.letters)).token == 30)
        // A bias lifts no masked token, but moves the choice among the others.
        row.parameters.logitBias = [3: 1000, 40: 2]
        #expect(choose(row, try Self.matcher(Self.letters)).token == 40)
    }

    @Test func repairedNumbersStayForbidden() throws {
        var row = Row(Array(repeating: -.infinity, count: 200))
        row.logits[3] = .nan
        row.logits[30] = .nan
        row.parameters.topK = 1
        row.options.sanitizes = true
        #expect(choose(row, try Self.matcher(.text("G"))).token == 31)
        row.options.sanitizes = false
        #expect(choose(row, try Self.matcher(.text("G"))).token == -1)
    }

    @Test func theMinimumLengthYieldsToAnEndedText() throws {
        var row = Row(Array(repeating: 0, count: 200))
        row.endTokenIDs = [199]
        row.parameters.minNewTokens = 9
        #expect(choose(row, try Self.matcher(.text("A")), after: [25]).token == 199)
        // Elsewhere it holds.
        row.logits[199] = 50
        let token = try #require(choose(row, try Self.matcher(Self.letters), after: [25]).token)
        #expect((25...50).contains(token))
    }

    /// What a jump reports is what the sampler says of a row in which one token is left.
    @Test func certainLogProbabilitiesAreTheSamplers() throws {
        var random = SeededRandom(seed: 12)
        for trial in 0..<60 {
            var row = Row((0..<200).map { _ in random.unit() * 8 })
            row.seed = random.next()
            row.options.ignoresTemperatureInLogprobs = trial % 2 == 0
            row.parameters.temperature = [0.3, 1, 2.5][trial % 3]
            row.parameters.topP = trial % 4 == 0 ? 0.5 : 1
            row.parameters.minP = trial % 5 == 0 ? 0.2 : 0
            row.parameters.frequencyPenalty = 1
            row.parameters.logitBias = [31: -3, 4: 7]
            row.logprobs = .init(topCount: [0, 1, 5, 300][trial % 4], tokenIDs: [0, 31, 199, 500])
            let matcher = try Self.matcher(.text("AG"))
            let output = choose(row, matcher, after: [25])
            #expect(output.token == 31 && matcher.onlyToken == 31)
            let sampler = row.sampler
            #expect(output.logprobs == sampler.certainLogprobs(31, vocabularySize: 200), "trial \(trial)")
        }
    }

    @Test func aTokenThatDoesNotFitIsNoted() throws {
        let row = Row(Array(repeating: 0, count: 200))
        let sampler = row.sampler
        sampler.bind(try Self.matcher(.text("AG")))
        sampler.note(25)
        #expect(sampler.grammarFailure == nil)
        sampler.note(26)
        #expect(sampler.grammarFailure == "token 26 does not fit the text before it")
    }
}
