import ApusCore
import ApusWire
import Testing

@testable import ApusScheduler

/// Aborts, timeouts, lost fronts: the end of a request in every state.
@Suite struct EndingTests {
    private let prompt = [Int32](2..<22)

    private func bench(_ change: (inout SchedulerConfiguration) -> Void = { _ in }) -> Bench {
        Bench {
            $0.maxRunningRequests = 2
            $0.chunkedPrefillSize = 8
            change(&$0)
        }
    }

    private func start(_ bench: Bench, _ rid: String, _ prompt: [Int32], limit: Int = 100) {
        bench.generate(rid, prompt, limit: limit) { $0.ignoreEOS = true }
    }

    @Test func abortedInTheQueueItNeverRan() {
        let bench = bench { $0.maxRunningRequests = 1 }
        start(bench, "a", [2])
        start(bench, "b", [3])
        bench.step()
        bench.send(.abort(.request(rid: "b")))
        bench.step()
        #expect(bench.ended == ["b": .abort(message: "Abort in waiting queue", status: nil, kind: nil)])
        #expect(bench.phases == ["a": .decoding] && bench.streams["b"] == nil)
        // The id is free at once.
        start(bench, "b", [3], limit: 1)
        bench.send(.abort(.request(rid: "a")))
        bench.runToIdle()
        #expect(bench.streams["b"]?.finish == .length(1))
    }

    @Test func abortedWhileItRunsItKeepsItsTokens() {
        let bench = bench()
        start(bench, "a", [2, 3])
        for _ in 0..<4 { bench.step() }
        let steps = bench.worker.steps
        bench.send(.abort(.request(rid: "a")))
        bench.step()
        let expected = bench.worker.reference([2, 3], seed: 0, limit: 4) { _ in false }.output
        #expect(bench.streams["a"]?.ids == expected && bench.streams["a"]?.finish == .aborted)
        #expect(bench.worker.steps == steps && bench.scheduler.isIdle && bench.isPoolWhole)
        #expect(bench.scheduler.cache.cachedTokens == 5)
        bench.send(.abort(.request(rid: "a")))
        bench.step()
        #expect(bench.streams["a"]?.endings == 1)
    }

    @Test func abortedInMidPromptItFreesTheRest() {
        let bench = bench()
        start(bench, "a", prompt)
        bench.step()
        #expect(bench.phases == ["a": .prefilling])
        bench.send(.abort(.request(rid: "a")))
        bench.step()
        #expect(bench.streams["a"]?.ids == [] && bench.streams["a"]?.finish == .aborted)
        #expect(bench.scheduler.cache.cachedTokens == 8 && bench.isPoolWhole)
    }

    @Test func abortOfAllSparesNobodyAndUnknownIdsNobodyElse() {
        let bench = bench()
        for (index, rid) in ["r", "r1", "r12", "r123"].enumerated() { start(bench, rid, [Int32(index + 2)]) }
        bench.step()
        bench.send(.abort(.request(rid: "r1234")))
        bench.send(.abort(.request(rid: "")))
        bench.send(.abort(.request(rid: "r1")))
        bench.step()
        #expect(bench.streams["r1"]?.finish == .aborted && bench.streams["r"]?.finish == nil)
        #expect(bench.ended.isEmpty)
        bench.send(.abort(.everything))
        bench.step()
        #expect(bench.scheduler.isIdle && bench.streams.count + bench.ended.count == 4)
    }

    @Test func waitingTooLong() {
        let bench = bench {
            $0.maxRunningRequests = 1
            $0.waitingTimeout = 2
        }
        start(bench, "a", [2])
        start(bench, "b", [3])
        bench.step()
        bench.time.now += 1.9
        bench.step()
        #expect(bench.ended.isEmpty)
        bench.time.now += 0.2
        bench.step()
        #expect(bench.ended == ["b": .refused("Request waiting timeout reached.", status: 503)])
        #expect(bench.phases == ["a": .decoding])
    }

    @Test func runningTooLong() {
        let bench = bench { $0.runningTimeout = 2 }
        start(bench, "a", [2])
        bench.step()
        bench.time.now += 2.1
        bench.step()
        #expect(bench.streams["a"]?.finish == .refused("Request running timeout reached.", status: 503))
        #expect(bench.streams["a"]?.ids.count == 1 && bench.isPoolWhole)
    }

    @Test func releasedWhileItRunsItIsForgotten() {
        let bench = bench()
        start(bench, "a", [2])
        bench.step()
        bench.release("a")
        bench.scheduler.step()
        #expect(bench.detokenizer.messages == [.forget(rids: ["a"])])
        #expect(bench.scheduler.isIdle && bench.scheduler.requests.isEmpty && bench.isPoolWhole)
        #expect(bench.scheduler.violations() == [])
    }

    @Test func aNewFrontEndsWhatTheOldOneAsked() {
        let bench = bench { $0.maxRunningRequests = 1 }
        bench.send(.hello(frontEpoch: 1))
        start(bench, "a", [2])
        start(bench, "b", [3])
        bench.step()
        bench.send(.hello(frontEpoch: 1))
        bench.step()
        #expect(bench.scheduler.requests.count == 2)
        bench.send(.hello(frontEpoch: 2))
        bench.scheduler.step()
        #expect(bench.detokenizer.messages == [.forget(rids: ["a"])])
        #expect(bench.scheduler.requests.isEmpty && bench.scheduler.isIdle && bench.isPoolWhole)
        bench.collect()
        #expect(bench.replies.count { $0 == .ready(bench.scheduler.ready) } == 3)
        start(bench, "a", [2], limit: 2)
        bench.runToIdle()
        #expect(bench.streams["a"]?.finish == .length(2))
    }

    @Test func outputsThatNobodyReleasesAreDroppedInTime() {
        let bench = bench {
            $0.ledgerCount = 3
            $0.ledgerSeconds = 10
        }
        for index in 0..<6 {
            start(bench, "r\(index)", [Int32(index + 2)], limit: 1)
            bench.runToIdle()
            bench.time.now += 1
        }
        bench.step()
        #expect(Set(bench.phases.keys) == ["r3", "r4", "r5"])
        bench.release("r4")
        bench.time.now += 7.5
        bench.step()
        #expect(Set(bench.phases.keys) == ["r5"])
        bench.time.now += 10
        bench.step()
        #expect(bench.phases.isEmpty && bench.scheduler.ledger.count == 0)
    }
}
