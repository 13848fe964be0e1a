import ApusCheckpoint
import ApusCore
import ApusEngine
import ApusExperts
import ApusTestSupport
import Testing

struct ExpertTests {
    /// [layers, experts] of what transformers' router chose for the prompt.
    private func reference(_ golden: ModelGolden, _ shape: ExpertShape) -> [Int] {
        var counts = [Int](repeating: 0, count: shape.layerCount * shape.expertCount)
        let perLayer = golden.prompt.count * shape.chosen
        for (index, expert) in golden.experts.enumerated() where expert >= 0 {
            counts[index / perLayer * shape.expertCount + Int(expert)] += 1
        }
        return counts
    }

    /// A prompt in pieces counts as transformers' router does; so many tokens are forwarded as the contract says; and the
    /// tokens that come out are those of a run that nobody recorded.
    @Test(arguments: ModelFixtures.experts) func countsAreThoseOfTheReference(_ model: String) throws {
        for (index, golden) in try ModelGolden.all(model).enumerated() {
            let harness = try RunnerHarness(model, .float32)
            let shape = harness.runner.expertShape
            let recorder = ExpertRecorder(shape, mode: .perToken)
            harness.runner.record(experts: recorder)
            recorder.start()
            let sequence = RunningSequence.greedy(golden.prompt)
            while sequence.tokens.count > sequence.computed, sequence.output.isEmpty {
                let left = sequence.tokens.count - sequence.computed
                _ = try harness.step([(sequence, index == 0 ? left : min(left, 11))])
            }
            let prompt = recorder.take()
            #expect(prompt.counts == reference(golden, shape))
            #expect(prompt.passes.allSatisfy { $0.kind == .extend })
            #expect(prompt.passes.flatMap(\.tokens) == golden.prompt)
            #expect(prompt.passes.flatMap(\.positions) == (0..<Int32(golden.prompt.count)).map { $0 })
            while sequence.output.count < 9 { _ = try harness.step([(sequence, 1)]) }
            let output = recorder.take()
            let sparse = (0..<shape.layerCount).filter { layer in
                golden.experts[layer * golden.prompt.count * shape.chosen] >= 0
            }
            for layer in sparse {
                let range = layer * shape.expertCount..<(layer + 1) * shape.expertCount
                // O - 1 tokens after the first.
                #expect(output.counts[range].reduce(0, +) == 8 * shape.chosen)
            }
            #expect(output.counts.reduce(0, +) == sparse.count * 8 * shape.chosen)
            #expect(output.passes.allSatisfy { $0.kind == .decode && $0.tokens.count == 1 })
            recorder.stop()
            while sequence.output.count < 64 { _ = try harness.step([(sequence, 1)]) }
            #expect(recorder.take().counts.allSatisfy { $0 == 0 })
            #expect(sequence.output == golden.continuation)
        }
    }

    /// What a grammar's jump appended goes through with the row of the next token: the stream goes on all the same.
    @Test func rowsAfterAJumpAreDecoded() throws {
        let harness = try RunnerHarness("qwen3-moe")
        let recorder = ExpertRecorder(harness.runner.expertShape, mode: .perPass)
        harness.runner.record(experts: recorder)
        recorder.start()
        let sequence = RunningSequence.greedy([5, 17, 99, 3])
        let other = RunningSequence.greedy([7, 8])
        _ = try harness.step([(sequence, 4)])
        sequence.tokens += [40, 41]
        _ = try harness.step([(sequence, 3)])
        _ = try harness.step([(sequence, 1), (other, 2)])
        #expect(recorder.take().passes.map(\.kind) == [.extend, .decode, .mixed])
    }

    @Test func denseModelsHaveNone() throws {
        let harness = try RunnerHarness("qwen3")
        #expect(harness.runner.expertShape == .dense)
        let recorder = ExpertRecorder(.dense)
        harness.runner.record(experts: recorder)
        recorder.start()
        _ = try harness.generate(RunningSequence.greedy([1, 2, 3]), count: 3)
        #expect(recorder.take().counts.isEmpty)
    }
}
