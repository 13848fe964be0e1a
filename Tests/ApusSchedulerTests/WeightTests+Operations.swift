import ApusCore
import ApusWire
import Testing

@testable import ApusScheduler

/// The line of operations; names, numbers and memory.
extension WeightTests {
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

    /// As it is when the update is quick. Who only reads is told of the weights in service.
    @Test func aNameThatComesBehindAnUpdateIsThatOfItsWeights() {
        let bench = Bench(library: library)
        startTwoVersions(bench, limits: (30, 60))
        update(bench, "w9", version: "nine", call: 2)
        bench.send(.control(call: 3, .nameWeights(version: "ten")))
        bench.send(.control(call: 4, .readWeights(name: "vector", rowCount: 1)))
        runJobs(bench)
        #expect(replies(bench).keys.sorted() == [1, 4] && ready(bench)?.weightVersion == "default")
        #expect(replies(bench)[4] == .rows(json: "[7.0]"))
        while bench.streams["first"]?.finish == nil { bench.step() }
        runJobs(bench)
        #expect(replies(bench)[3] == .done(message: "Weight version updated to ten"))
        #expect(ready(bench)?.weightVersion == "ten" && ready(bench)?.modelPath == "w9")
        start(bench, "new")
        bench.runToIdle()
        #expect(bench.streams["second"]?.usage.weights == [WeightSpan(version: "default", start: 0)])
        #expect(bench.streams["new"]?.usage.weights == [WeightSpan(version: "ten", start: 0)])
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
        #expect(bench.inbox.waits == [0.5])
        let beats = bench.front.drain().compactMap { if case .heartbeat(let beat, _) = $0 { beat.isBusy } else { nil } }
        #expect(beats.last == false)
    }
}
