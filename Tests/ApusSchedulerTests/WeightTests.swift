import ApusCore
import ApusEngine
import ApusWire
import Synchronization
import Testing

@testable import ApusScheduler

/// Other weights while requests run, wait or are frozen.
@Suite struct WeightTests {
    private let library = FakeLibrary()
    private let prompt: [Int32] = [2, 3, 4, 5, 6, 7]

    private func start(_ bench: Bench, _ rid: String, limit: Int = 12) {
        bench.generate(rid, prompt, limit: limit) { $0.ignoreEOS = true }
    }

    private func update(
        _ bench: Bench, _ path: String, version: String? = nil, call: UInt64 = 1, flushes: Bool = true
    ) {
        bench.send(
            .control(
                call: call, .updateWeights(WeightUpdate(path: path, version: version, flushesCache: flushes))))
    }

    private func replies(_ bench: Bench) -> [UInt64: ControlReply] {
        var replies: [UInt64: ControlReply] = [:]
        for case .controlled(let call, let reply) in bench.replies {
            #expect(replies.updateValue(reply, forKey: call) == nil, "two replies to one call")
        }
        return replies
    }

    private func ready(_ bench: Bench) -> SchedulerReady? {
        bench.replies.lazy.compactMap { if case .ready(let ready) = $0 { ready } else { nil } }.last
    }

    private func output(_ bench: Bench, after tokens: [Int32], limit: Int, salt: UInt64) -> [Int32] {
        bench.worker.reference(tokens, seed: 0, limit: limit, salt: salt) { _ in false }.output
    }

    /// Lets all jobs end and the scheduler notice.
    private func runJobs(_ bench: Bench) {
        repeat { bench.step() } while bench.jobs.runOne()
        bench.step()
    }

    /// A stream on the first weights, and one on those that came while it ran.
    private func startTwoVersions(_ bench: Bench, limits: (first: Int, second: Int)) {
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

    @Test func frozenStreamsOfTwoVersionsGoOverToTheThird() {
        let bench = Bench(library: library)
        startTwoVersions(bench, limits: (40, 40))
        bench.send(.control(call: 2, .pause(.inPlace)))
        update(bench, "w9", call: 3)
        runJobs(bench)
        #expect(bench.worker.salts == [2: 9] && replies(bench)[3] != nil)
        bench.send(.control(call: 4, .proceed))
        bench.runToIdle()
        #expect(bench.streams["first"]?.ids.count == 40 && bench.streams["second"]?.ids.count == 40)
    }

    @Test func whatWasLoadedInAPauseThatIsOverWaitsToo() {
        let bench = Bench(library: library)
        startTwoVersions(bench, limits: (30, 60))
        bench.send(.control(call: 2, .pause(.inPlace)))
        update(bench, "w9", call: 3)
        bench.step()
        #expect(bench.jobs.runOne())
        bench.step()
        bench.send(.control(call: 4, .proceed))
        bench.step()
        runJobs(bench)
        #expect(bench.worker.salts == [0: 1, 1: 7] && replies(bench)[3] == nil)
        bench.runToIdle()
        bench.step()
        #expect(bench.worker.salts == [2: 9] && replies(bench)[3] != nil)
        #expect(bench.streams["first"]?.ids == output(bench, after: prompt, limit: 30, salt: 1))
        #expect(bench.streams["second"]?.ids == output(bench, after: prompt, limit: 60, salt: 7))
    }

    @Test func tooManyOperationsAreRefused() {
        let bench = Bench(library: library)
        start(bench, "old", limit: 30)
        bench.step()
        for call in 1...20 { update(bench, "w\(call + 1)", call: UInt64(call)) }
        bench.step()
        #expect(replies(bench).keys.sorted() == [17, 18, 19, 20])
        bench.runToIdle()
        runJobs(bench)
        #expect(replies(bench).count == 20 && bench.scheduler.weightWork.updates == 16)
    }

    @Test func whoeverRemembersIsToldOfEveryChange() {
        let bench = Bench(library: library)
        var told: [[String?]] = []
        bench.scheduler.onWeights = { told.append([$0, $1, $2]) }
        update(bench, "w7", version: "seven", call: 1)
        runJobs(bench)
        bench.send(.control(call: 2, .nameWeights(version: "eight")))
        update(bench, "torn9", version: "nine", call: 3)
        runJobs(bench)
        #expect(told == [["w7", nil, "seven"], ["w7", nil, "eight"]])
        let successor = Bench(library: library) { configuration in
            (configuration.weightPath, configuration.weightVersion) = ("w7", "eight")
        }
        #expect(successor.scheduler.ready.weightVersion == "eight" && successor.scheduler.ready.modelPath == "w7")
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

    @Test func withoutALibraryUpdatesAreRefused() {
        let bench = Bench()
        update(bench, "w7")
        bench.step()
        #expect(
            replies(bench)[1]
                == .failed(
                    message: "Failed to update weights: the weights of this kind of model cannot be replaced.\n"
                        + "Rolling back to original weights."))
    }

    @Test func updatesAreDoneInOrder() {
        let bench = Bench(library: library)
        for (index, path) in ["w2", "torn3", "w4", "w5"].enumerated() {
            update(bench, path, version: path, call: UInt64(index))
        }
        runJobs(bench)
        #expect(replies(bench).keys.sorted() == [0, 1, 2, 3])
        let order = bench.replies.compactMap { if case .controlled(let call, _) = $0 { call } else { nil } }
        #expect(order == [0, 1, 2, 3] && bench.worker.salts == [3: 5] && ready(bench)?.weightVersion == "w5")
    }

    // MARK: - In place

    @Test func withoutRoomForBothRequestsInFlightEndFirst() {
        library.state.withLock { $0.hasRoom = false }
        let bench = Bench(library: library)
        start(bench, "old", limit: 20)
        bench.step()
        update(bench, "w7")
        bench.step()
        for _ in 0..<2 {
            #expect(bench.jobs.runOne())
            bench.step()
        }
        start(bench, "new")
        bench.step()
        #expect(bench.phases == ["old": .decoding, "new": .waiting] && !bench.jobs.runOne())
        while bench.phases["old"] != .finished { bench.step() }
        bench.step()
        // Nobody runs while there are none, and the loop does not spin.
        #expect(bench.worker.salts.isEmpty && bench.phases["new"] == .waiting && ready(bench)?.isPaused == true)
        #expect(bench.jobs.runOne())
        bench.runToIdle()
        #expect(bench.streams["old"]?.ids == output(bench, after: prompt, limit: 20, salt: 1))
        #expect(bench.streams["new"]?.ids == output(bench, after: prompt, limit: 12, salt: 7))
        #expect(bench.scheduler.weightWork.mode == .inPlace && ready(bench)?.isPaused == false)
    }

    @Test func inPlaceTheOldWeightsComeBackWhenTheNewOnesFail() {
        library.state.withLock { $0.hasRoom = false }
        let bench = Bench(library: library)
        start(bench, "before")
        bench.runToIdle()
        update(bench, "torn7", version: "x")
        runJobs(bench)
        #expect(
            replies(bench)[1] == .failed(message: "Failed to get weights iterator: the file changed while it was read.")
        )
        #expect(bench.worker.salts == [0: 1])
        start(bench, "after")
        bench.runToIdle()
        #expect(bench.streams["after"]?.ids == bench.streams["before"]?.ids)
        #expect(bench.streams["after"]?.usage.weights.map(\.version) == ["default"])
        #expect(bench.streams["after"]?.usage.cachedTokens == 0)
    }

    @Test func weightsThatAreLostForGoodLeaveNobodyWaiting() {
        library.state.withLock { $0.hasRoom = false }
        let bench = Bench(library: library)
        update(bench, "w7")
        bench.step()
        for _ in 0..<2 {
            bench.jobs.runOne()
            bench.step()
        }
        start(bench, "waits")
        library.state.withLock { $0.failures = 2 }
        runJobs(bench)
        start(bench, "late")
        bench.step()
        let reason = FinishReason.refused(
            "The weights in service could not be read again: the file changed while it was read.", status: 503)
        #expect(bench.ended == ["waits": reason, "late": reason])
        update(bench, "w9", call: 2)
        runJobs(bench)
        start(bench, "saved")
        bench.runToIdle()
        #expect(bench.streams["saved"]?.ids == output(bench, after: prompt, limit: 12, salt: 9))
    }

    // MARK: - Paused

    @Test(arguments: [PauseMode.inPlace, .retract], [true, false])
    func frozenRequestsGoOnWithTheNewWeights(mode: PauseMode, hasRoom: Bool) throws {
        library.state.withLock { $0.hasRoom = hasRoom }
        let bench = Bench(library: library)
        start(bench, "a")
        for _ in 0..<5 { bench.step() }
        bench.send(.control(call: 8, .pause(mode)))
        bench.step()
        let made = try #require(bench.streams["a"]?.ids.count)
        #expect(replies(bench)[8] == .done(message: "Generation paused successfully."))
        #expect(ready(bench)?.isPaused == true && made > 2)
        start(bench, "b")
        for _ in 0..<3 { bench.step() }
        #expect(bench.phases["b"] == .waiting && bench.streams["a"]?.ids.count == made)
        update(bench, "w7", version: "seven")
        runJobs(bench)
        #expect(replies(bench)[1] != nil && bench.scheduler.weightWork.mode == .paused)
        #expect(bench.worker.salts == [1: 7])
        bench.send(.control(call: 9, .proceed))
        bench.runToIdle()
        #expect(replies(bench)[9] == .done(message: "Generation continued successfully."))
        let ids = bench.streams["a"]?.ids ?? []
        let first = output(bench, after: prompt, limit: made, salt: 1)
        #expect(ids == first + output(bench, after: prompt + first, limit: 12 - made, salt: 7))
        #expect(
            bench.streams["a"]?.usage.weights
                == [WeightSpan(version: "default", start: 0), WeightSpan(version: "seven", start: made)])
        #expect(bench.streams["b"]?.ids == output(bench, after: prompt, limit: 12, salt: 7))
        #expect(bench.isPoolWhole)
    }

    @Test func aPauseThatAbortsEndsWhatRunsAndLetsNewRequestsWait() {
        let bench = Bench(library: library) { $0.maxRunningRequests = 1 }
        start(bench, "runs")
        start(bench, "waits")
        for _ in 0..<3 { bench.step() }
        bench.send(.control(call: 1, .pause(.abort)))
        bench.step()
        #expect(bench.streams["runs"]?.finish == .aborted)
        #expect(bench.ended["waits"] == .abort(message: "Abort in waiting queue", status: nil, kind: nil))
        start(bench, "new")
        bench.send(.flushCache(call: 2, timeout: 0))
        for _ in 0..<3 { bench.step() }
        #expect(bench.replies.contains(.flushed(call: 2, outcome: .flushed)) && bench.phases["new"] == .waiting)
        bench.send(.control(call: 3, .proceed))
        bench.runToIdle()
        #expect(bench.streams["new"]?.ids == output(bench, after: prompt, limit: 12, salt: 1))
    }

    @Test func frozenKVIsNotFlushedAndComesBackAsItWas() {
        let bench = Bench()
        start(bench, "a")
        for _ in 0..<3 { bench.step() }
        bench.send(.control(call: 1, .pause(.inPlace)))
        bench.send(.flushCache(call: 2, timeout: 0))
        bench.step()
        #expect(bench.replies.contains(.flushed(call: 2, outcome: .busy)))
        bench.send(.control(call: 3, .proceed))
        bench.runToIdle()
        #expect(bench.streams["a"]?.ids == output(bench, after: prompt, limit: 12, salt: 1))
        #expect(bench.streams["a"]?.usage.retractions == 0)
    }

    // MARK: - Names, numbers, memory

    @Test func aNewNameHoldsFromTheNextTokenOn() {
        let bench = Bench()
        start(bench, "a", limit: 6)
        for _ in 0..<2 { bench.step() }
        bench.send(.control(call: 1, .nameWeights(version: "v2")))
        bench.runToIdle()
        #expect(replies(bench)[1] == .done(message: "Weight version updated to v2"))
        #expect(
            bench.streams["a"]?.usage.weights
                == [WeightSpan(version: "default", start: 0), WeightSpan(version: "v2", start: 2)])
        #expect(ready(bench)?.weightVersion == "v2" && ready(bench)?.modelPath == nil)
    }

    @Test func rowsOfTheWeightsInService() {
        let bench = Bench(library: library)
        func read(_ call: UInt64, _ name: String, _ count: Int) -> ControlReply? {
            bench.send(.control(call: call, .readWeights(name: name, rowCount: count)))
            bench.step()
            return replies(bench)[call]
        }
        #expect(read(1, "vector", 2) == .rows(json: "[1.0,2.0]"))
        #expect(read(2, "matrix", 100) == .rows(json: "[[1.0,0.0],[1.0,0.5],[1.0,1.0]]"))
        #expect(read(3, "vector", 0) == .rows(json: "[]"))
        #expect(read(4, "nosuch", 1) == .failed(message: "Get parameter by name failed"))
        #expect(read(5, "vector", -1) == .failed(message: "Get parameter by name failed"))
        update(bench, "w7", call: 6)
        runJobs(bench)
        #expect(read(7, "vector", 1) == .rows(json: "[7.0]"))
    }

    @Test func releasedMemoryComesBack() {
        let bench = Bench(library: library)
        start(bench, "a")
        bench.runToIdle()
        start(bench, "busy")
        bench.step()
        bench.send(.control(call: 1, .releaseMemory(MemoryParts(kvCache: true, weights: true))))
        bench.step()
        #expect(
            replies(bench)[1]
                == .failed(message: "Memory can only be released while no request runs or waits."))
        bench.runToIdle()
        bench.send(.control(call: 2, .releaseMemory(MemoryParts(kvCache: true, weights: true))))
        bench.step()
        #expect(replies(bench)[2] == .done(message: "") && ready(bench)?.isPaused == true)
        #expect(bench.worker.salts.isEmpty && bench.worker.discards == 1 && bench.scheduler.cache.cachedTokens == 0)
        start(bench, "waits")
        for _ in 0..<3 { bench.step() }
        bench.send(.control(call: 3, .resumeMemory(MemoryParts(kvCache: true, weights: false))))
        bench.step()
        #expect(bench.phases["waits"] == .waiting)
        bench.send(.control(call: 4, .resumeMemory(MemoryParts(kvCache: false, weights: true))))
        runJobs(bench)
        bench.runToIdle()
        #expect(replies(bench)[4] == .done(message: "") && ready(bench)?.isPaused == false)
        #expect(bench.streams["waits"]?.ids == bench.streams["a"]?.ids)
    }

    @Test func anotherFrontGetsNoRepliesOfTheFirst() {
        let bench = Bench(library: library)
        bench.send(.hello(frontEpoch: 1))
        update(bench, "w7", version: "seven", call: 1)
        bench.step()
        bench.send(.hello(frontEpoch: 2))
        runJobs(bench)
        #expect(replies(bench).isEmpty && ready(bench)?.weightVersion == "seven")
    }

    @Test func aHeldSchedulerSleepsAndIsNotBusy() {
        let bench = Bench()
        start(bench, "a")
        bench.step()
        bench.send(.control(call: 1, .pause(.inPlace)))
        var turns = 0
        bench.scheduler.run {
            turns += 1
            return turns > 2
        }
        #expect(bench.inbox.waits == [0.25])
        let beats = bench.front.drain().compactMap { if case .heartbeat(let beat, _) = $0 { beat.isBusy } else { nil } }
        #expect(beats.last == false)
    }
}
