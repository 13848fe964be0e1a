import ApusCore
import ApusEngine
import ApusTestSupport
import Testing

struct GoldenTests {
    /// Of every token of a prompt that comes in pieces, with the head's memory for three rows at a time.
    @Test(arguments: ModelFixtures.names)
    func hiddenStatesAreThoseOfTransformers(_ model: String) throws {
        let harness = try RunnerHarness(model, .float32, logitsByteCount: 3 * 384 * 4)
        let golden = try HiddenGolden(model)
        let sequence = RunningSequence.greedy(golden.prompt, wantsPromptLogprobs: true)
        sequence.wantsHidden = true
        _ = try harness.step([(sequence, 7)])
        _ = try harness.step([(sequence, golden.prompt.count - 7)])
        #expect(sequence.hidden.count == golden.prompt.count)
        for (found, expected) in zip(sequence.hidden, golden.states) {
            #expect(found.count == expected.count)
            for (found, expected) in zip(found, expected) { #expect(abs(found - expected) < 1e-4) }
        }
        // The next token's is the row that it was chosen by.
        _ = try harness.step([(sequence, 1)])
        #expect(sequence.hidden.count == golden.prompt.count + 1)
    }

    /// Vectors of the prompt's tokens in place of these, in pieces, beside another prompt of the same ids.
    @Test(arguments: ModelFixtures.names)
    func vectorsStandForTokens(_ model: String) throws {
        let harness = try RunnerHarness(model, .float32)
        let table = try #require(harness.runner.readWeights(0, "model.embed_tokens.weight", rowCount: 384)).rows
        let golden = try ModelGolden.all(model)[0]
        let sequence = RunningSequence.greedy(golden.prompt.map { _ in 0 })
        sequence.embeddings = golden.prompt.map { table[Int($0)] }
        let other = RunningSequence.greedy(golden.prompt.map { _ in 0 })
        _ = try harness.step([(other, 3), (sequence, 2)])
        #expect(try harness.generate(sequence, count: 64) == golden.continuation)
        #expect(try harness.generate(other, count: 64) != golden.continuation)
    }

    /// 64 greedy tokens, and the log probabilities of the prompt.
    @Test(arguments: ModelFixtures.names)
    func float32GeneratesWhatTransformersDoes(_ model: String) throws {
        let harness = try RunnerHarness(model, .float32)
        for golden in try ModelGolden.all(model) {
            let sequence = RunningSequence.greedy(golden.prompt, wantsPromptLogprobs: true)
            #expect(try harness.generate(sequence, count: 64) == golden.continuation)
            #expect(sequence.promptLogprobs.count == golden.logprobs.count)
            for (found, expected) in zip(sequence.promptLogprobs, golden.logprobs) {
                #expect(abs(found.logprob - expected) < 1e-4)
            }
        }
        #expect(harness.freeCount == 1024)
        #expect(harness.runner.endTokenIDs == [383, 381])
        #expect(harness.runner.vocabularySize == 384)
    }
}
