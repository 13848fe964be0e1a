import ApusCore
import ApusEngine
import ApusTestSupport
import Testing

struct GoldenTests {
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
