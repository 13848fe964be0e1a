import ApusCore
import ApusWire
import Testing

@testable import ApusScheduler

/// When tokens are told, and that none is lost or told twice whatever the links do.
@Suite struct OutputsTests {
    private func start(
        _ bench: Bench, limit: Int, stream: Bool = true, interval: Int = 1, stops: [String] = []
    ) {
        bench.generate("a", [2, 3], limit: limit, stream: stream, interval: interval) {
            $0.ignoreEOS = true
            $0.stopStrings = stops
        }
    }

    @Test func streamsTellTheFirstTokenAtOnceAndThenByTheirInterval() {
        let bench = Bench()
        start(bench, limit: 9, interval: 3)
        bench.runToIdle()
        #expect(bench.streams["a"]?.pieces == [1, 3, 3, 2])
    }

    @Test func othersTellEveryFiftyTokens() {
        let bench = Bench()
        start(bench, limit: 120, stream: false)
        bench.runToIdle()
        #expect(bench.streams["a"]?.pieces == [50, 50, 20])
    }

    @Test func whatWatchesTheTextTellsEveryToken() {
        let bench = Bench()
        start(bench, limit: 4, stream: false, interval: 10, stops: ["x"])
        bench.runToIdle()
        #expect(bench.streams["a"]?.pieces == [1, 1, 1, 1])
    }

    @Test func aFullQueueDelaysAndLosesNothing() {
        let bench = Bench()
        start(bench, limit: 6)
        bench.step()
        bench.detokenizer.isFull = { true }
        for _ in 0..<20 { bench.step() }
        #expect(bench.streams["a"]?.ids.count == 1 && bench.scheduler.isIdle && bench.scheduler.outputs.hasBacklog)
        bench.detokenizer.isFull = { false }
        bench.step()
        #expect(bench.streams["a"]?.pieces == [1, 5] && bench.streams["a"]?.finish == .length(6))
        #expect(!bench.scheduler.outputs.hasBacklog)
    }

    @Test func anotherDetokenizerGetsEveryStreamFromItsStart() {
        let bench = Bench { $0.maxRunningRequests = 2 }
        bench.generate("done", [4], limit: 2, logprobs: LogprobRequest(promptStart: 0)) { $0.ignoreEOS = true }
        bench.runToIdle()
        start(bench, limit: 40, interval: 10)
        bench.generate("late", [5], limit: 2)
        bench.generate("later", [6], limit: 2)
        for _ in 0..<3 { bench.step() }
        let done = bench.streams["done"]
        bench.forgetStreams()
        bench.send(.detokenizerStarted(epoch: 2))
        bench.scheduler.step()
        #expect(bench.detokenizer.messages.first == .hello(schedulerEpoch: 7))
        bench.collect()
        #expect(bench.streams["done"]?.ids == done?.ids && bench.streams["done"]?.finish == .length(2))
        #expect(bench.streams["done"]?.promptLogprobs == done?.promptLogprobs)
        #expect(bench.streams["a"]?.ids.count == 4)
        bench.runToIdle()
        let expected = bench.worker.reference([2, 3], seed: 0, limit: 40) { _ in false }
        #expect(bench.streams["a"]?.ids == expected.output && bench.streams["a"]?.endings == 1)
        #expect(bench.streams["later"]?.finish != nil)
    }

    @Test func releasedStreamsAreNotSentAgain() {
        let bench = Bench()
        start(bench, limit: 2)
        bench.runToIdle()
        bench.release("a")
        bench.send(.resend(rids: ["a"]))
        bench.send(.detokenizerStarted(epoch: 2))
        bench.scheduler.step()
        #expect(bench.detokenizer.messages == [.hello(schedulerEpoch: 7)])
    }

    @Test func aManyTokenedReplayComesInSeveralMessages() {
        let bench = Bench(worker: FakeWorker(slotCount: 8192, contextLength: 64))
        for index in 0..<600 {
            bench.generate("r\(index)", [Int32(index % 60 + 2)], limit: 1)
        }
        bench.runToIdle()
        bench.forgetStreams()
        bench.send(.detokenizerStarted(epoch: 2))
        bench.scheduler.step()
        #expect(bench.detokenizer.messages.count == 4)
        bench.collect()
        #expect(bench.streams.count == 600 && bench.streams.values.allSatisfy { $0.finish != nil })
    }

    @Test func aForgottenIdIsNeverConfusedWithItsNextUse() {
        let bench = Bench()
        start(bench, limit: 40)
        bench.step()
        bench.detokenizer.isFull = { true }
        bench.release("a")
        bench.step()
        start(bench, limit: 2)
        bench.step()
        bench.detokenizer.isFull = { false }
        bench.scheduler.step()
        let kinds = bench.detokenizer.messages.map { message in
            if case .forget(let rids) = message { return rids.joined() }
            return ""
        }
        #expect(kinds == ["a", ""])
    }

    @Test func theFrontMissesNothingEither() {
        let bench = Bench()
        bench.front.isFull = { true }
        bench.generate("a", [])
        bench.send(.state(call: 5))
        for _ in 0..<5 { bench.step() }
        #expect(bench.ended.isEmpty && bench.scheduler.front.hasBacklog)
        bench.front.isFull = { false }
        bench.step()
        #expect(bench.ended["a"] != nil)
        #expect(bench.replies.contains { if case .state(5, _) = $0 { true } else { false } })
    }

    @Test func aDeadFrontCostsBoundedMemory() {
        let bench = Bench()
        bench.front.isFull = { true }
        for call in 0..<10_000 { bench.scheduler.front.send(.healthy(rid: "\(call)")) }
        bench.front.isFull = { false }
        bench.scheduler.front.flush()
        #expect(bench.front.messages.count <= FrontLine.backlogLimit)
        #expect(bench.front.messages.last == .healthy(rid: "9999"))
    }
}
