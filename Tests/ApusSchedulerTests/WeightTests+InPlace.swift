import ApusCore
import ApusWire
import Synchronization
import Testing

@testable import ApusScheduler

/// There is no room for two versions.
extension WeightTests {
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
}
