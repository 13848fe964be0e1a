import ApusCore
import ApusEngine
import ApusWire
import Testing

@testable import ApusScheduler

/// One request's tokens and its ending.
@Suite struct GenerationTests {
    /// A prompt after which `FakeWorker` (64 tokens, end token 1) makes at least `count` others first.
    private func longPrompt(_ worker: FakeWorker, atLeast count: Int) -> [Int32] {
        for first in Int32(2)... {
            let prompt = [first % 60 + 2, first / 60 % 60 + 2]
            if worker.reference(prompt, seed: 0, limit: count, ends: { $0 == 1 }).output.count == count
                && !worker.reference(prompt, seed: 0, limit: count, ends: { _ in false }).output.contains(1)
            {
                return prompt
            }
        }
        return []
    }

    @Test func streamsTokenByTokenAndEndsByLength() {
        let bench = Bench()
        let prompt = longPrompt(bench.worker, atLeast: 6)
        bench.generate("a", prompt, limit: 6)
        bench.runToIdle()
        let expected = bench.worker.reference(prompt, seed: 0, limit: 6) { $0 == 1 }
        let stream = bench.streams["a"]
        #expect(stream?.ids == expected.output)
        #expect(stream?.pieces == [1, 1, 1, 1, 1, 1])
        #expect(stream?.finish == .length(6))
        #expect(stream?.opening?.promptTail == prompt)
        #expect(
            stream?.usage
                == Usage(
                    promptTokens: 2, completionTokens: 6, weights: [WeightSpan(version: "default", start: 0)]))
        #expect(bench.detokenizer.messages.isEmpty && bench.isPoolWhole)
    }

    @Test func theOpeningCarriesWhatTextNeeds() {
        let bench = Bench()
        bench.generate("a", [2, 3, 4, 5, 6, 7, 8], limit: 1, stream: false) {
            $0.stopStrings = ["x"]
            $0.stopRegexes = ["y"]
            $0.skipSpecialTokens = false
            $0.noStopTrim = true
        }
        bench.runToIdle()
        #expect(
            bench.streams["a"]?.opening
                == StreamOpening(
                    promptTail: [4, 5, 6, 7, 8], stopStrings: ["x"], stopRegexes: ["y"], skipSpecialTokens: false,
                    noStopTrim: true, stream: false))
    }

    @Test func momentsComeInOrder() throws {
        let bench = Bench()
        bench.generate("a", [2, 3])
        bench.runToIdle()
        let timing = try #require(bench.streams["a"]?.timing)
        #expect(timing.queued > 1.6e9 && timing.queued <= timing.forwardEntry)
        #expect(timing.forwardEntry <= timing.prefillFinished && timing.prefillFinished <= timing.finished)
    }

    @Test func endTokensOfTheWorkerAndOfTheTokenizerEnd() {
        let worker = FakeWorker()
        let prompt = longPrompt(worker, atLeast: 5)
        let free = worker.reference(prompt, seed: 0, limit: 5) { _ in false }.output
        let fourth = free[3]
        let cut = (free.firstIndex(of: fourth) ?? 0) + 1
        for source in 0..<3 {
            let bench = Bench(
                worker: FakeWorker(endTokenIDs: source == 0 ? [1, fourth] : [1])
            ) { $0.extraEndTokenIDs = source == 1 ? [fourth] : [] }
            bench.generate("a", prompt, limit: 5) { $0.stopTokenIDs = source == 2 ? [fourth, 9999] : [] }
            bench.generate("b", prompt, limit: 5) {
                $0.stopTokenIDs = [fourth]
                $0.ignoreEOS = true
            }
            bench.runToIdle()
            #expect(bench.streams["a"]?.ids == Array(free[..<cut]))
            #expect(bench.streams["a"]?.finish == .stopToken(fourth))
            #expect(bench.streams["b"]?.ids == free && bench.streams["b"]?.finish == .length(5))
        }
    }

    @Test func anEndTokenAtTheLastPlaceIsAStop() {
        let worker = FakeWorker()
        let prompt = longPrompt(worker, atLeast: 3)
        let tokens = worker.reference(prompt, seed: 0, limit: 3) { _ in false }.output
        let bench = Bench(worker: worker)
        let place = (tokens.firstIndex(of: tokens[2]) ?? 0) + 1
        bench.generate("a", prompt, limit: place) { $0.stopTokenIDs = [tokens[2]] }
        bench.runToIdle()
        #expect(bench.streams["a"]?.finish == .stopToken(tokens[2]))
    }

    @Test func noTokensAskedForNoneMade() {
        let bench = Bench()
        var samples: [Bool] = []
        bench.worker.onForward = { samples += $0.sequences.map(\.samples) }
        bench.generate("a", [2, 3, 4], limit: 0, logprobs: LogprobRequest(promptStart: 0))
        bench.runToIdle()
        let stream = bench.streams["a"]
        #expect(stream?.ids == [] && stream?.finish == .length(0) && stream?.promptLogprobs.count == 3)
        #expect(samples == [false])
        // The prompt is in the cache for those that come after.
        bench.generate("b", [2, 3, 4], limit: 1)
        bench.runToIdle()
        #expect(bench.streams["b"]?.usage.cachedTokens == 2)
    }

    @Test func notANumberEndsTheRequestAndLeavesNoPrefix() {
        let worker = FakeWorker()
        worker.nanEvery = 1
        let bench = Bench(worker: worker)
        bench.generate("a", [2, 3, 4])
        bench.runToIdle()
        #expect(bench.streams["a"]?.ids == [1] && bench.streams["a"]?.finish == .notANumber)
        #expect(bench.scheduler.cache.cachedTokens == 0)
        let other = Bench(worker: FakeWorker(endTokenIDs: []))
        other.worker.nanEvery = 1
        other.generate("a", [2]) { $0.stopTokenIDs = [900, 5] }
        other.runToIdle()
        #expect(other.streams["a"]?.ids == [5])
    }

    @Test func aFailedStepEndsItsRequestsOnly() {
        struct Failure: Error, CustomStringConvertible { let description = "no memory" }
        let bench = Bench { $0.maxRunningRequests = 1 }
        bench.generate("a", [2, 3, 4, 5], limit: 20)
        bench.generate("b", [2, 3, 4, 5], limit: 4)
        bench.step()
        bench.worker.nextError = Failure()
        bench.runToIdle()
        #expect(
            bench.streams["a"]?.finish == .abort(message: "The model could not run: no memory", status: 500, kind: nil))
        #expect(
            bench.streams["b"]?.ids
                == bench.worker.reference([2, 3, 4, 5], seed: 0, limit: 4) { $0 == 1 }.output)
        #expect(bench.isPoolWhole)
    }

    @Test func seedsOfTheClientAreUsedAndOthersDiffer() {
        let bench = Bench()
        let prompt = longPrompt(bench.worker, atLeast: 8)
        bench.generate("a", prompt) { $0.seed = -5 }
        bench.generate("b", prompt) { $0.seed = nil }
        bench.generate("c", prompt) { $0.seed = nil }
        bench.runToIdle()
        let seed = UInt64(bitPattern: -5)
        #expect(
            bench.streams["a"]?.ids == bench.worker.reference(prompt, seed: seed, limit: 8) { $0 == 1 }.output)
        #expect(bench.streams["b"]?.ids != bench.streams["c"]?.ids)
    }

    @Test func logprobsComeWithTheirTokens() {
        let bench = Bench { $0.chunkedPrefillSize = 2 }
        let prompt: [Int32] = [9, 8, 7, 6, 5, 4]
        let wanted = LogprobRequest(promptStart: 2, topCount: 2, tokenIDs: [6, 3])
        bench.generate("warm", prompt, limit: 1)
        bench.runToIdle()
        bench.generate("a", prompt, limit: 3, logprobs: wanted) { $0.ignoreEOS = true }
        bench.runToIdle()
        let stream = bench.streams["a"]
        let expected = bench.worker.reference(prompt, seed: 0, limit: 3) { _ in false }
        #expect(stream?.promptLogprobs.map(\.token) == [7, 6, 5, 4])
        #expect(stream?.promptLogprobs.map(\.logprob) == [nil] + expected.promptLogprobs[2...].map { $0 })
        #expect(stream?.promptLogprobs.dropFirst().allSatisfy { $0.top.count == 2 && $0.chosen.count == 2 } == true)
        #expect(stream?.logprobs.map(\.logprob) == expected.logprobs)
        #expect(stream?.usage.cachedTokens == 2)
        for (start, count) in [(6, 0), (5, 1), (0, 6)] {
            bench.generate("s\(start)", prompt, limit: 1, logprobs: LogprobRequest(promptStart: start))
            bench.runToIdle()
            #expect(bench.streams["s\(start)"]?.promptLogprobs.count == count)
        }
    }

    @Test func prefixesAreSharedWithinANamespaceOnly() {
        let bench = Bench()
        let prompt = [Int32](2..<20)
        for (rid, namespace, cached) in [("a", "", 0), ("b", "", 17), ("c", "x", 0), ("d", "x", 17)] {
            bench.generate(rid, prompt, limit: 4, namespace: namespace)
            bench.runToIdle()
            #expect(bench.streams[rid]?.usage.cachedTokens == cached)
            #expect(bench.streams[rid]?.ids == bench.streams["a"]?.ids)
        }
    }

    @Test func theNextTurnFindsPromptAndOutputInTheCache() {
        let bench = Bench()
        let prompt = longPrompt(bench.worker, atLeast: 8)
        bench.generate("a", prompt, limit: 8)
        bench.runToIdle()
        let turn = prompt + (bench.streams["a"]?.ids ?? []) + [9]
        bench.generate("b", turn, limit: 1)
        bench.runToIdle()
        // The last token made has no KV yet.
        #expect(bench.streams["b"]?.usage.cachedTokens == turn.count - 2)
    }
}
