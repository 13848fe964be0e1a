import ApusCore
import ApusEngine
import ApusWire
import Testing

@testable import ApusScheduler

/// Other weights while requests run, wait or are frozen.
@Suite struct WeightTests {
    let library = FakeLibrary()
    let prompt: [Int32] = [2, 3, 4, 5, 6, 7]

    func start(_ bench: Bench, _ rid: String, limit: Int = 12) {
        bench.generate(rid, prompt, limit: limit) { $0.ignoreEOS = true }
    }

    func update(
        _ bench: Bench, _ path: String, version: String? = nil, call: UInt64 = 1, flushes: Bool = true
    ) {
        bench.send(
            .control(
                call: call, .updateWeights(WeightUpdate(path: path, version: version, flushesCache: flushes))))
    }

    func replies(_ bench: Bench) -> [UInt64: ControlReply] {
        var replies: [UInt64: ControlReply] = [:]
        for case .controlled(let call, let reply) in bench.replies {
            #expect(replies.updateValue(reply, forKey: call) == nil, "two replies to one call")
        }
        return replies
    }

    func ready(_ bench: Bench) -> SchedulerReady? {
        bench.replies.lazy.compactMap { if case .ready(let ready) = $0 { ready } else { nil } }.last
    }

    func output(_ bench: Bench, after tokens: [Int32], limit: Int, salt: UInt64) -> [Int32] {
        bench.worker.reference(tokens, seed: 0, limit: limit, salt: salt) { _ in false }.output
    }

    /// Lets all jobs end and the scheduler notice.
    func runJobs(_ bench: Bench) {
        repeat { bench.step() } while bench.jobs.runOne()
        bench.step()
    }

    /// A stream on the first weights, and one on those that came while it ran.
    func startTwoVersions(_ bench: Bench, limits: (first: Int, second: Int)) {
        start(bench, "first", limit: limits.first)
        bench.step()
        update(bench, "w7", call: 1)
        runJobs(bench)
        start(bench, "second", limit: limits.second)
        bench.step()
    }

    @Test func whoRunsEndsOnTheOldWeightsAndWhoComesBeginsOnTheNew() {
        let bench = Bench(library: library)
        start(bench, "old")
        for _ in 0..<3 { bench.step() }
        update(bench, "w7", version: "seven")
        runJobs(bench)
        #expect(
            replies(bench)[1]
                == .done(message: "Succeeded to update model weights. Weight version updated to seven."))
        #expect(ready(bench)?.weightVersion == "seven" && ready(bench)?.modelPath == "w7")
        #expect(bench.worker.salts == [0: 1, 1: 7])
        start(bench, "new")
        bench.runToIdle()
        #expect(bench.streams["old"]?.ids == output(bench, after: prompt, limit: 12, salt: 1))
        #expect(bench.streams["new"]?.ids == output(bench, after: prompt, limit: 12, salt: 7))
        #expect(bench.streams["old"]?.usage.weights == [WeightSpan(version: "default", start: 0)])
        #expect(bench.streams["new"]?.usage.weights == [WeightSpan(version: "seven", start: 0)])
        #expect(bench.streams["new"]?.usage.cachedTokens == 0)
        bench.step()
        #expect(bench.worker.salts == [1: 7])
        #expect(bench.scheduler.cache.tree.roots.keys.allSatisfy { $0.generation == 1 })
        start(bench, "again")
        bench.runToIdle()
        #expect(bench.streams["again"]?.usage.cachedTokens == 5)
    }

    @Test func thirdVersionWaitsForTheEndOfTheFirst() {
        let bench = Bench(library: library)
        startTwoVersions(bench, limits: (30, 60))
        update(bench, "w9", call: 2)
        runJobs(bench)
        #expect(bench.worker.salts == [0: 1, 1: 7] && replies(bench)[2] == nil)
        while bench.streams["first"]?.finish == nil { bench.step() }
        runJobs(bench)
        #expect(bench.worker.salts == [1: 7, 2: 9] && replies(bench)[2] != nil)
        bench.runToIdle()
        #expect(bench.streams["first"]?.ids == output(bench, after: prompt, limit: 30, salt: 1))
        #expect(bench.streams["second"]?.ids == output(bench, after: prompt, limit: 60, salt: 7))
    }

    @Test func coldPromptsAfterAChangeDoNotHoldUpStreams() {
        let bench = Bench(library: library)
        var rows: [Int] = []
        bench.worker.onForward = { [time = bench.time] batch in
            rows.append(batch.tokens.count)
            time.now += 0.02 + Double(batch.tokens.count) * 0.001
        }
        start(bench, "old", limit: 60)
        bench.step()
        update(bench, "w7")
        runJobs(bench)
        rows = []
        bench.generate("cold", (0..<400).map { Int32($0 % 50 + 2) }, limit: 2)
        while bench.streams["old"]?.finish == nil { bench.step() }
        #expect(rows.contains { $0 > 2 } && rows.allSatisfy { $0 <= 1 + PrefillBudget.freeRows }, "\(rows)")
        // Nor do those of clients who come back when the last old stream has ended.
        bench.time.now += 3
        start(bench, "next", limit: 40)
        bench.step()
        rows = []
        bench.generate("colder", (0..<400).map { Int32($0 % 30 + 5) }, limit: 2)
        for _ in 0..<10 { bench.step() }
        #expect(rows.contains { $0 > 2 } && rows.allSatisfy { $0 < PrefillBudget.leastRows }, "\(rows)")
        bench.runToIdle()
        // Not for ever.
        bench.time.now += 3
        bench.step()
        rows = []
        start(bench, "new", limit: 20)
        bench.step()
        bench.generate("later", (0..<400).map { Int32($0 % 40 + 3) }, limit: 2)
        bench.runToIdle()
        #expect(rows.contains { $0 >= PrefillBudget.leastRows }, "\(rows)")
    }

    @Test func whoWaitsInTheQueueBeginsOnTheNewWeights() {
        let bench = Bench(library: library) { $0.maxRunningRequests = 1 }
        start(bench, "old", limit: 30)
        start(bench, "waits")
        bench.step()
        update(bench, "w7")
        bench.runToIdle()
        #expect(bench.streams["waits"]?.ids == output(bench, after: prompt, limit: 12, salt: 1))
        #expect(replies(bench).isEmpty)
        start(bench, "old2", limit: 30)
        start(bench, "waits2")
        bench.step()
        runJobs(bench)
        bench.runToIdle()
        #expect(bench.streams["old2"]?.ids == output(bench, after: prompt, limit: 30, salt: 1))
        #expect(bench.streams["waits2"]?.ids == output(bench, after: prompt, limit: 12, salt: 7))
        // Without a name of their own they keep the old one, and the cache is not shared for that.
        #expect(replies(bench)[1] == .done(message: "Succeeded to update model weights."))
        #expect(bench.streams["waits2"]?.usage.weights.map(\.version) == ["default"])
        #expect(bench.streams["waits2"]?.usage.cachedTokens == 0)
    }

    @Test(arguments: [true, false])
    func cachedPrefixesGoAtOnceOrWithTheirLastRequest(flushes: Bool) {
        let bench = Bench(library: library)
        start(bench, "warm", limit: 2)
        bench.runToIdle()
        bench.generate("old", [9, 9, 9], limit: 20) { $0.ignoreEOS = true }
        bench.step()
        update(bench, "w7", flushes: flushes)
        runJobs(bench)
        let old = PrefixNamespace(name: "", generation: 0)
        #expect(bench.scheduler.cache.matchLength(prompt, limit: 6, in: old) == (flushes ? 0 : 6))
        #expect(bench.scheduler.cache.matchLength([9, 9, 9], limit: 3, in: old) == 3)
        bench.runToIdle()
        bench.step()
        #expect(bench.scheduler.cache.cachedTokens == 0)
    }

    @Test func whatFailsChangesNothing() {
        let bench = Bench(library: library)
        start(bench, "old", limit: 20)
        bench.step()
        update(bench, "elsewhere", version: "x", call: 1)
        update(bench, "misfit", version: "x", call: 2)
        update(bench, "torn7", version: "x", call: 3)
        runJobs(bench)
        #expect(
            replies(bench) == [
                1: .failed(message: "Failed to get weights iterator: elsewhere (repository not found)."),
                2: .failed(message: "Failed to update weights: another shape.\nRolling back to original weights."),
                3: .failed(message: "Failed to get weights iterator: the file changed while it was read."),
            ])
        #expect(bench.worker.salts == [0: 1] && bench.scheduler.weightWork.failures == 3)
        #expect(ready(bench)?.weightVersion == "default" && ready(bench)?.modelPath == nil)
        start(bench, "new")
        bench.runToIdle()
        #expect(bench.streams["old"]?.ids == output(bench, after: prompt, limit: 20, salt: 1))
        #expect(bench.streams["new"]?.ids == output(bench, after: prompt, limit: 12, salt: 1))
        #expect(bench.streams["new"]?.usage.cachedTokens == 5)
    }
}
