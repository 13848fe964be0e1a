import ApusCore
import ApusEngine
import ApusWire
import Testing

@testable import ApusScheduler

/// What goes into a step.
@Suite struct BatchingTests {
    /// The rows of each step as (prompt rows, streams).
    private func record(_ bench: Bench) -> () -> [[Int]] {
        final class Steps { var rows: [[Int]] = [] }
        let steps = Steps()
        bench.worker.onForward = { batch in
            steps.rows.append(batch.sequences.map(\.rowCount))
        }
        return { steps.rows }
    }

    private func start(_ bench: Bench, _ rid: String, _ count: Int, limit: Int = 100, first: Int32 = 2) {
        bench.generate(rid, [first] + [Int32](repeating: 3, count: count - 1), limit: limit) { $0.ignoreEOS = true }
    }

    @Test func aLongPromptIsCutAndStreamsGoOnBesideIt() {
        let bench = Bench {
            $0.chunkedPrefillSize = 100
            $0.mixedStallSeconds = 0
        }
        let steps = record(bench)
        start(bench, "a", 5, limit: 6)
        bench.step()
        start(bench, "b", 250, limit: 1, first: 9)
        bench.runToIdle()
        #expect(steps() == [[5], [1, 100], [1, 100], [1, 50], [1], [1]])
        // Every step told the running stream's token.
        #expect(bench.streams["a"]?.pieces == [1, 1, 1, 1, 1, 1])
    }

    @Test func onlyOnePromptIsInPartAndItGoesFirst() {
        let bench = Bench { $0.chunkedPrefillSize = 10 }
        let steps = record(bench)
        start(bench, "a", 25, limit: 1)
        start(bench, "b", 4, limit: 1, first: 7)
        start(bench, "c", 20, limit: 1, first: 8)
        bench.step()
        #expect(bench.scheduler.load.running == 1 && bench.scheduler.load.queued == 2)
        bench.runToIdle()
        #expect(steps() == [[10], [10], [5, 4, 1], [10], [9]])
    }

    @Test func chunksEndWithPages() {
        let bench = Bench {
            $0.pageSize = 4
            $0.chunkedPrefillSize = 12
        }
        let steps = record(bench)
        start(bench, "a", 10, limit: 1)
        start(bench, "b", 13, limit: 1, first: 7)
        bench.runToIdle()
        // Two rows are left of the first budget: no page, so nobody else begins.
        #expect(steps() == [[10], [12], [1]])
    }

    @Test func withoutChunkingTheFirstPromptMayExceedTheBudget() {
        let bench = Bench(worker: FakeWorker(contextLength: 128)) {
            $0.chunkedPrefillSize = nil
            $0.maxPrefillTokens = 50
        }
        let steps = record(bench)
        start(bench, "a", 100, limit: 1)
        start(bench, "b", 30, limit: 1, first: 7)
        start(bench, "c", 60, limit: 1, first: 8)
        bench.runToIdle()
        // The budget is at least the context length.
        #expect(steps() == [[100], [30, 60]])
    }

    @Test func requestsAStepAndRequestsThatRunAreBounded() {
        let bench = Bench {
            $0.maxRunningRequests = 3
            $0.prefillMaxRequests = 2
        }
        let steps = record(bench)
        for index in 0..<4 { start(bench, "r\(index)", 4, limit: 3, first: Int32(index + 10)) }
        bench.runToIdle()
        #expect(steps() == [[4, 4], [1, 1, 4], [1, 1, 1], [1, 4], [1], [1]])
    }

    @Test func requestsThatComeTogetherShareWhatTheFirstComputes() {
        let bench = Bench()
        let prompt = [Int32](repeating: 4, count: 40)
        let steps = record(bench)
        for (index, rid) in ["a", "b", "c"].enumerated() { bench.generate(rid, prompt + [Int32(index)], limit: 1) }
        bench.generate("x", [7, 8], limit: 1)
        bench.generate("y", prompt, limit: 1, namespace: "other")
        bench.generate("z", prompt, limit: 1, logprobs: LogprobRequest(promptStart: 20))
        bench.runToIdle()
        // "b" and "c" come one step later and compute their own last token; those that cannot share do not wait.
        #expect(steps() == [[41, 2, 40, 40], [1, 1]])
        #expect(bench.streams["c"]?.usage.cachedTokens == 40)
        let disabled = Bench { $0.disableRadixCache = true }
        let without = record(disabled)
        for rid in ["a", "b"] { disabled.generate(rid, prompt, limit: 1) }
        disabled.runToIdle()
        #expect(without() == [[40, 40]])
    }

    @Test func theBudgetFollowsTheStallThatStreamsMayFeel() {
        var budget = PrefillBudget(chunk: 4096, stall: 0.1, longest: 1.5)
        // Nothing is known yet.
        #expect(budget.rows(whileDecoding: false) == 1024 && budget.rows(whileDecoding: true) == 128)
        budget.observe(prefillRows: 2000, decodeRows: 0, seconds: 1)
        #expect(budget.rows(whileDecoding: false) == 3000 && budget.rows(whileDecoding: true) == 200)
        // A step without prompts takes longer than the stall: prompts may double it.
        for _ in 0..<50 { budget.observe(prefillRows: 0, decodeRows: 4, seconds: 0.5) }
        #expect(budget.rows(whileDecoding: true) == 1000)
        // In a mixed step the streams' own time is not the prompt's.
        for _ in 0..<100 { budget.observe(prefillRows: 1000, decodeRows: 4, seconds: 1) }
        #expect((990...1000).contains(budget.rows(whileDecoding: true)))
        for _ in 0..<100 { budget.observe(prefillRows: 100, decodeRows: 4, seconds: 50) }
        #expect(budget.rows(whileDecoding: true) == PrefillBudget.leastRows)
        // Too few rows say nothing of the speed.
        budget.observe(prefillRows: 3, decodeRows: 0, seconds: 1e-9)
        #expect(budget.rows(whileDecoding: true) == PrefillBudget.leastRows)
        #expect(PrefillBudget(chunk: nil, stall: 0.1, longest: 2).rows(whileDecoding: true) == .max)
        #expect(PrefillBudget(chunk: 16, stall: 0.1, longest: 2).rows(whileDecoding: true) == 16)
    }

    @Test func afterOtherWeightsAStepStaysWithinTwoPasses() {
        var budget = PrefillBudget(chunk: 4096, stall: 0.1, longest: 1.5)
        #expect(budget.rows(whileDecoding: true, unsettled: 1) == PrefillBudget.freeRows)
        // A few rows are enough for a first guess, and none later.
        budget.observe(prefillRows: 20, decodeRows: 0, seconds: 0.04)
        #expect(budget.prefillRate == 500)
        budget.observe(prefillRows: 20, decodeRows: 0, seconds: 0.01)
        #expect(budget.prefillRate == 500)
        // A step with a pass for each of two generations tells the time of one.
        for _ in 0..<50 { budget.observe(prefillRows: 0, decodeRows: 4, passes: 2, seconds: 0.1) }
        #expect(abs((budget.decodeSeconds ?? 0) - 0.05) < 1e-9)
        #expect(budget.rows(whileDecoding: true) == PrefillBudget.leastRows)
        #expect(budget.rows(whileDecoding: true, unsettled: 1) == 25)
        #expect(budget.rows(whileDecoding: true, unsettled: 2) == PrefillBudget.freeRows / 2)
        // Nobody is held up when nobody runs.
        #expect(budget.rows(whileDecoding: false, unsettled: 2) == 750)
    }

    @Test func aSlowMachineGivesStreamsTheirTurn() {
        let bench = Bench { $0.chunkedPrefillSize = 512 }
        bench.worker.onForward = { [time = bench.time] batch in time.now += Double(batch.tokens.count) * 0.001 }
        let prompt = (0..<600).map { Int32($0 % 50 + 2) }
        bench.generate("warm", prompt, limit: 1, namespace: "w")
        bench.runToIdle()
        bench.generate("a", [2, 3], limit: 40) { $0.ignoreEOS = true }
        bench.step()
        bench.generate("b", prompt, limit: 1)
        var gaps: [Double] = []
        while bench.streams["b"]?.finish == nil {
            let before = bench.time.now
            bench.step()
            gaps.append(bench.time.now - before)
        }
        #expect(gaps.max() ?? 1 < 0.11 && (6...7).contains(gaps.count))
    }
}
