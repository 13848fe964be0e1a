import ApusCore
import ApusEngine
import ApusWire
import Testing

@testable import ApusScheduler

/// Admission, the new-token ratio and retraction.
@Suite struct MemoryTests {
    private func start(_ bench: Bench, _ rid: String, _ prompt: [Int32], limit: Int, ignoreEOS: Bool = true) {
        bench.generate(rid, prompt, limit: limit) { $0.ignoreEOS = ignoreEOS }
    }

    @Test func aFullPoolRetractsAndEveryoneFinishesAsIfAlone() {
        let bench = Bench(worker: FakeWorker(slotCount: 40, contextLength: 64, endTokenIDs: [])) {
            $0.clipMaxNewTokensEstimation = 1
        }
        for index in 0..<4 { start(bench, "r\(index)", [Int32(index + 2), 9], limit: 20, ignoreEOS: false) }
        bench.runToIdle()
        var retractions = 0
        for index in 0..<4 {
            let stream = bench.streams["r\(index)"]
            let expected = bench.worker.reference([Int32(index + 2), 9], seed: 0, limit: 20) { _ in false }
            #expect(stream?.ids == expected.output && stream?.finish == .length(20))
            // Each token was told once, in steps of one.
            #expect(stream?.pieces == [Int](repeating: 1, count: 20))
            retractions += stream?.usage.retractions ?? 0
        }
        #expect(retractions > 0 && retractions == bench.scheduler.statistics.retractions)
        #expect(bench.isPoolWhole)
    }

    @Test func cachedTokensCountTheFirstAdmissionOnly() {
        let bench = Bench(worker: FakeWorker(slotCount: 24, contextLength: 64, endTokenIDs: [])) {
            $0.clipMaxNewTokensEstimation = 1
        }
        start(bench, "a", [2, 3, 4, 5], limit: 12, ignoreEOS: false)
        start(bench, "b", [6, 7, 8, 9], limit: 12, ignoreEOS: false)
        bench.runToIdle()
        #expect(bench.scheduler.statistics.retractions > 0)
        #expect(bench.streams["a"]?.usage.cachedTokens == 0 && bench.streams["b"]?.usage.cachedTokens == 0)
    }

    @Test func theVictimLosesLeast() {
        let few = request(1, prompt: [1], output: [5])
        let fewer = request(2, prompt: [1, 2], limit: 9)
        let longer = request(3, prompt: [1, 2, 3], limit: 9)
        let longerLater = request(4, prompt: [1, 2, 3], limit: 9)
        #expect(Retraction.victim(of: [few, fewer, longer, longerLater]) === longerLater)
        #expect(Retraction.victim(of: [few, fewer, longer]) === longer)
        #expect(Retraction.victim(of: [few, fewer]) === fewer)
        #expect(Retraction.victim(of: []) == nil)
    }

    @Test func theLastRequestThatCannotGoOnEndsWithAnError() throws {
        let bench = Bench(worker: FakeWorker(slotCount: 32, contextLength: 64, endTokenIDs: []))
        start(bench, "a", [2, 3], limit: 20)
        for _ in 0..<3 { bench.step() }
        // Slots that nobody accounts for: what the message is for.
        let lost = request(99, limit: 60)
        let table = lost.prepareTable(pageSize: 1)
        #expect(bench.scheduler.cache.grow(table, to: bench.scheduler.cache.availableTokens))
        for _ in 0..<3 { bench.scheduler.step() }
        bench.collect()
        #expect(
            bench.streams["a"]?.finish
                == .refused(
                    "Out of memory even after retracting all other requests in the decode batch. "
                        + "Aborting the last request.", status: 500))
        #expect(bench.scheduler.isIdle && !bench.isPoolWhole)
        bench.scheduler.cache.release(&lost.lease, table: table)
        #expect(bench.isPoolWhole)
    }

    @Test func admissionPromisesWhatRequestsAreExpectedToMake() {
        let configuration = configuration { $0.clipMaxNewTokensEstimation = 50 }
        var admission = Admission(configuration, ratio: 0.5)
        admission.countRunning(request(1, prompt: [1], limit: 41, output: [2]))
        // Half of 40, and the two tokens that have no slots in this test.
        #expect(admission.promised == 22)
        admission.countRunning(request(2, prompt: [1], limit: 40, ignoreEOS: true))
        #expect(admission.promised == 22 + 41)
        admission.countRunning(request(3, prompt: [1], limit: 1000))
        #expect(admission.promised == 63 + 26)
        admission.countAdmitted(request(4, prompt: [1], limit: 10))
        #expect(admission.promised == 89 + 11)
        let next = request(5, prompt: [1, 2, 3, 4], limit: 6)
        #expect(admission.fits(next, cached: 2, available: 109) && !admission.fits(next, cached: 2, available: 108))
    }

    @Test func whatIgnoresEndTokensIsPlayedThrough() {
        // 10 tokens each to make. The second begins when the first has 2 left.
        let first = request(1, prompt: [1], limit: 10, output: [1, 2, 3, 4, 5, 6, 7, 8], ignoreEOS: true)
        let table = first.prepareTable(pageSize: 1)
        for slot in 0..<9 { table.append(Int32(slot)) }
        let second = request(2, prompt: [1], limit: 10, ignoreEOS: true)
        // 1 prompt token, 2 x 3 until the first ends and gives back 9, then 11 at the second's end.
        #expect(Admission.runsToEnd(second, beside: [first], free: 7, pageSize: 1))
        #expect(!Admission.runsToEnd(second, beside: [first], free: 6, pageSize: 1))
        let long = request(3, prompt: [1], limit: 30, ignoreEOS: true)
        #expect(!Admission.runsToEnd(long, beside: [first], free: 7, pageSize: 1))
        #expect(Admission.runsToEnd(long, beside: [first], free: 23, pageSize: 1))
    }

    @Test func theRatioDecaysAndRises() {
        var ratio = NewTokenRatio(configuration { $0.conservativeness = 0.5 })
        #expect(abs(ratio.value - 0.35) < 1e-9)
        for _ in 0..<300 { ratio.step() }
        #expect(abs(ratio.value - (0.35 + 0.35 * 0.14) / 2) < 1e-9)
        for _ in 0..<1000 { ratio.step() }
        #expect(abs(ratio.value - 0.35 * 0.14) < 1e-9)
        ratio.retracted(generated: 100, maxNewTokens: 399, count: 5)
        #expect(abs(ratio.value - 0.5) < 1e-9)
        ratio.retracted(generated: 900, maxNewTokens: 100, count: 5)
        #expect(ratio.value == 1)
        ratio.reset()
        #expect(abs(ratio.value - 0.35) < 1e-9)
        #expect(NewTokenRatio(configuration { $0.conservativeness = 9 }).value == 1)
    }

    @Test func promptsOfAHundredThousandTokensRunBesideStreams() {
        let bench = Bench(worker: FakeWorker(slotCount: 110_000, contextLength: 131_072)) {
            $0.chunkedPrefillSize = 16_384
        }
        start(bench, "stream", [2, 3, 4], limit: 12)
        bench.step()
        var longest = 0
        bench.worker.onForward = { longest = max(longest, $0.tokens.count) }
        start(bench, "long", (0..<100_000).map { Int32($0 % 50 + 2) }, limit: 2)
        bench.runToIdle()
        #expect(bench.streams["long"]?.finish == .length(2) && longest <= 16_385)
        #expect(bench.streams["stream"]?.finish == .length(12))
        #expect(bench.isPoolWhole)
    }

    @Test func aPromptAsLongAsThePoolAllowsIsServed() {
        for pageSize in [1, 4, 16] {
            let bench = Bench(worker: FakeWorker(slotCount: 64, contextLength: 4096)) {
                $0.pageSize = pageSize
                $0.chunkedPrefillSize = 16
            }
            let prompt = (0..<57).map { Int32($0 % 50 + 2) }
            start(bench, "a", prompt, limit: 1000)
            start(bench, "b", Array(prompt.reversed()), limit: 1000)
            bench.runToIdle()
            #expect(bench.streams["a"]?.finish == .length(5) && bench.streams["b"]?.finish == .length(5))
            #expect(bench.isPoolWhole)
        }
    }
}
