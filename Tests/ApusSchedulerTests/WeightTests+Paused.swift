import ApusCore
import ApusWire
import Synchronization
import Testing

@testable import ApusScheduler

/// Other weights, or none, under a pause.
extension WeightTests {
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
}
