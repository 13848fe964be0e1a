import ApusCore
import ApusEngine
import ApusWire
import Testing

@testable import ApusScheduler

/// What is refused at the door, and how lengths are clipped.
@Suite struct IntakeTests {
    private func refusal(_ bench: Bench, _ rid: String = "a") -> FinishReason? {
        bench.step()
        bench.step()
        return bench.ended[rid]
    }

    private let prompt = [Int32](repeating: 5, count: 10)

    @Test func overlongPromptsAreRefusedInTheContractsWords() {
        let bench = Bench(worker: FakeWorker(contextLength: 16)) { $0.maxRunningRequests = 4 }
        bench.generate("a", prompt)
        #expect(
            refusal(bench)
                == .refused(
                    "Input length (10 tokens) exceeds the maximum allowed length (10 tokens). "
                        + "Use a shorter input or enable --allow-auto-truncate.", status: 400))
        bench.generate("b", Array(prompt.dropLast()))
        bench.runToIdle()
        #expect(bench.streams["b"]?.finish != nil)
    }

    @Test func thePoolLimitsPromptsAsTheContextDoes() {
        let limits = Limits(configuration { $0.pageSize = 4 }, slotCount: 103, modelContextLength: 1000)
        #expect(limits.capacity == 100 && limits.longestRequest == 99 && limits.longestInput == 94)
        #expect(limits.maxRunningRequests == 50)
        let other = Limits(configuration { $0.contextLength = 50 }, slotCount: 1 << 20, modelContextLength: 1000)
        #expect(other.longestRequest == 49 && other.longestInput == 44 && other.maxRunningRequests == 4096)
        let small = Limits(configuration { $0.maxRunningRequests = 7 }, slotCount: 1 << 20, modelContextLength: 1000)
        #expect(small.maxRunningRequests == 7)
    }

    @Test func truncationCutsThePromptAndItsLengthIsWhatIsLeft() {
        let bench = Bench(worker: FakeWorker(contextLength: 16)) { $0.allowAutoTruncate = true }
        bench.generate("a", prompt + [9, 9, 9], limit: 100) { $0.ignoreEOS = true }
        bench.runToIdle()
        let expected = bench.worker.reference(prompt, seed: 0, limit: 4) { _ in false }
        #expect(bench.streams["a"]?.usage.promptTokens == 10)
        #expect(bench.streams["a"]?.finish == .length(4) && bench.streams["a"]?.ids == expected.output)
    }

    @Test func outputsAreClippedToWhatIsLeftAndToTheLimit() {
        let bench = Bench(worker: FakeWorker(contextLength: 20)) { $0.maxNewTokensLimit = 6 }
        bench.generate("a", prompt, limit: nil) { $0.ignoreEOS = true }
        bench.generate("b", Array(prompt.prefix(2)), limit: nil) {
            $0.ignoreEOS = true
            $0.minNewTokens = 50
        }
        bench.runToIdle()
        #expect(bench.streams["a"]?.finish == .length(6))
        #expect(bench.streams["b"]?.finish == .length(6))
        let unlimited = Bench(worker: FakeWorker(contextLength: 20))
        unlimited.generate("a", prompt, limit: nil) { $0.ignoreEOS = true }
        unlimited.runToIdle()
        #expect(unlimited.streams["a"]?.finish == .length(8))
    }

    @Test func minNewTokensFollowsTheClippedLength() throws {
        var sampling = SamplingParameters()
        sampling.maxNewTokens = 100
        sampling.minNewTokens = 90
        sampling.stopTokenIDs = [3, 9999, -1]
        let configuration = configuration { $0.maxNewTokensLimit = 6 }
        let limits = Limits(configuration, slotCount: 100, modelContextLength: 100)
        let intake = Intake(configuration, limits: limits, vocabularySize: 64, workerEndTokenIDs: [1, 1, 100])
        let message = GenerateRequest(rid: "a", schedulerEpoch: 1, inputIDs: [4], sampling: sampling)
        let made = Request(message, admitted: try intake.admit(message), arrival: 1, seed: 0, now: 0)
        #expect(made.sampler.parameters.minNewTokens == 6 && made.sampler.parameters.maxNewTokens == 6)
        // What lies outside the vocabulary never reaches the sampler's tables.
        #expect(made.sampler.endTokenIDs == [1, 3])
    }

    @Test func idsOutsideTheVocabularyAreRefused() {
        let bench = Bench(worker: FakeWorker(vocabularySize: 64))
        bench.generate("a", [1, 64])
        bench.generate("b", [-1])
        bench.generate("c", [])
        bench.generate("d", [1], logprobs: LogprobRequest(tokenIDs: [64]))
        bench.generate("e", [1]) { $0.logitBias = [64: 1] }
        bench.step()
        let words = ["a", "b", "c", "d", "e"].map { rid -> String in
            guard case .abort(let message, 400, "BadRequestError")? = bench.ended[rid] else { return "" }
            return message
        }
        #expect(
            words == [
                "input_ids must be in [0, 64), got 64.", "input_ids must be in [0, 64), got -1.",
                "input_ids cannot be empty.", "token_ids_logprob must be in [0, 64), got 64.",
                "logit_bias must has keys in [0, 63], got 64.",
            ])
        #expect(bench.scheduler.isIdle && bench.scheduler.requests.isEmpty)
    }

    @Test func aLogprobStartBehindThePromptIsRefused() {
        let bench = Bench()
        bench.generate("a", [2, 3], logprobs: LogprobRequest(promptStart: 3))
        guard case .abort(let message, 400, _)? = refusal(bench) else {
            Issue.record("not refused")
            return
        }
        #expect(message.contains("logprob_start_len (3) is higher than the number of input tokens (2)"))
    }

    @Test func theQueueIsBounded() {
        let bench = Bench {
            $0.maxRunningRequests = 1
            $0.maxQueuedRequests = 1
        }
        bench.generate("a", prompt, limit: 50) { $0.ignoreEOS = true }
        bench.step()
        bench.generate("b", prompt)
        bench.generate("c", prompt)
        #expect(refusal(bench, "c") == .refused("The request queue is full.", status: 503))
        #expect(bench.ended["b"] == nil)
        bench.runToIdle()
        #expect(bench.streams["b"]?.finish != nil)
    }

    @Test func tenThousandWaitAndTheNextOneIsRefused() {
        let bench = Bench(worker: FakeWorker(slotCount: 4096, contextLength: 64)) {
            $0.maxRunningRequests = 1
            $0.maxQueuedRequests = 10_000
        }
        bench.generate("runs", prompt, limit: 50) { $0.ignoreEOS = true }
        bench.step()
        for index in 0..<10_001 { bench.generate("r\(index)", prompt, limit: 1) }
        while !bench.inbox.messages.isEmpty { bench.step() }
        #expect(refusal(bench, "r10000") == .refused("The request queue is full.", status: 503))
        #expect(bench.ended.count == 1)
        // They leave as they came.
        bench.send(.abort(.everything))
        bench.runToIdle()
        #expect(bench.ended.count == 10_001 && bench.streams["runs"]?.finish == .aborted)
        #expect(bench.isPoolWhole)
    }

    @Test func anIdInFlightIsRefusedAndOneFinishedIsFree() {
        let bench = Bench()
        bench.generate("a", prompt, limit: 3)
        bench.step()
        bench.generate("a", [9])
        #expect(refusal(bench) == .refused("Duplicate request ID detected: a", status: 400))
        bench.runToIdle()
        #expect(bench.streams["a"]?.usage.promptTokens == 10)
        bench.generate("a", [9], limit: 2)
        bench.runToIdle()
        #expect(bench.streams["a"]?.usage.promptTokens == 1 && bench.scheduler.ledger.count == 1)
    }

    @Test func requestsForAnotherSchedulerAreDropped() {
        let bench = Bench()
        bench.generate("a", prompt, epoch: 6)
        bench.runToIdle()
        #expect(bench.streams.isEmpty && bench.ended.isEmpty && bench.worker.steps == 0)
    }

    @Test func vectorsGoWithTheirRowsAndShareNoPrefix() {
        final class Rows { var given: [[Float]] = [] }
        let rows = Rows()
        let bench = Bench { $0.chunkedPrefillSize = 4 }
        bench.worker.onForward = { batch in
            for sequence in batch.sequences { rows.given.append(Array(sequence.embeddings)) }
        }
        let numbers = (0..<20).map(Float.init)
        bench.generate("a", prompt, limit: 2, embeddings: numbers) { $0.ignoreEOS = true }
        bench.runToIdle()
        let pieces = [Array(numbers[0..<8]), Array(numbers[8..<16]), Array(numbers[16..<20])]
        #expect(rows.given.prefix(3) == pieces[...] && rows.given.dropFirst(3).allSatisfy(\.isEmpty))
        bench.generate("b", prompt, limit: 1, embeddings: numbers.map { -$0 })
        bench.generate("c", prompt, limit: 1)
        bench.runToIdle()
        #expect(bench.streams["b"]?.usage.cachedTokens == 0 && bench.streams["c"]?.usage.cachedTokens == 0)
    }

    @Test func vectorsThatDoNotFitAreRefused() {
        let bench = Bench()
        bench.generate("a", prompt, embeddings: [Float](repeating: 0, count: 30))
        #expect(
            refusal(bench)
                == .refused("input_embeds has rows of 3 numbers, and the model's have 2.", status: 400))
        bench.generate("b", prompt, embeddings: [Float](repeating: .infinity, count: 20))
        #expect(refusal(bench, "b") == .refused("input_embeds has numbers that are too large.", status: 400))
    }
}
