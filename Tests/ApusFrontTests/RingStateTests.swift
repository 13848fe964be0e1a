import ApusWire
import Testing

@testable import ApusFront

@Suite struct RingStateTests {
    private var state = RingState(limits: .init(schedulerPatience: 300, detokenizerPatience: 30))

    private func ready(_ epoch: UInt64) -> SchedulerToFront {
        .ready(
            SchedulerReady(
                schedulerEpoch: epoch, processID: Int32(epoch), maxTotalTokens: 1, maxRequestInputLength: 1,
                maxRunningRequests: 1, contextLength: 1, vocabularySize: 1, endTokenIDs: [], weightVersion: "v",
                details: "{}"))
    }

    private func beat(_ epoch: UInt64, progress: UInt64 = 0, isBusy: Bool = false, running: Int = 0) -> SchedulerToFront
    {
        .heartbeat(
            Heartbeat(epoch: epoch, processID: Int32(epoch), progress: progress, isBusy: isBusy),
            load: SchedulerLoad(
                running: running, queued: 0, freeTokens: 0, cachedTokens: 0, heldTokens: 0, generationThroughput: 0))
    }

    @Test mutating func aSchedulerLoadsAndIsReady() {
        #expect(state.ready == nil)
        #expect(state.note(.loading(schedulerEpoch: 1, processID: 1, share: 0.5), now: 0) == [])
        guard case .loading(0.5) = state.phase else { return #expect(Bool(false)) }
        #expect(state.note(ready(1), now: 1) == [])
        #expect(state.ready?.schedulerEpoch == 1)
        #expect(state.schedulerProcess == 1)
    }

    @Test mutating func anotherEpochEndsTheOneBefore() {
        _ = state.note(ready(1), now: 0)
        #expect(
            state.note(.loading(schedulerEpoch: 2, processID: 2, share: 0), now: 1) == [
                .failRequests(schedulerEpoch: 1)
            ])
        #expect(state.ready == nil)
        #expect(state.note(ready(2), now: 2) == [])
    }

    @Test mutating func anExitIsNoticedOnce() {
        _ = state.note(ready(1), now: 0)
        #expect(state.schedulerExited() == [.failRequests(schedulerEpoch: 1)])
        #expect(state.schedulerExited() == [])
        #expect(state.schedulerProcess == nil)
    }

    @Test mutating func aSchedulerWithoutFactsIsGreeted() {
        #expect(state.note(beat(1), now: 10) == [.greetScheduler])
        #expect(state.note(beat(1), now: 10.5) == [])
        #expect(state.note(beat(1), now: 11.5) == [.greetScheduler])
        _ = state.note(ready(1), now: 12)
        #expect(state.note(beat(1), now: 14) == [])
    }

    /// While a step keeps it, a scheduler is heard of every 0.75 s: one word that is late makes nobody doubt it.
    @Test mutating func aSchedulerIsAliveForFourHeartbeats() {
        _ = state.note(ready(1), now: 0)
        _ = state.note(beat(1, progress: 1, isBusy: true, running: 1), now: 10)
        #expect(state.isSchedulerAlive(now: 11.5))
        #expect(!state.isSchedulerAlive(now: 12))
    }

    @Test mutating func silenceAndStandingStillEndAScheduler() {
        _ = state.note(ready(1), now: 0)
        #expect(state.tick(now: 300) == [])
        #expect(state.tick(now: 301) == [.failRequests(schedulerEpoch: 1)])

        _ = state.note(ready(2), now: 0)
        for now in stride(from: 0.0, through: 400, by: 1) {
            _ = state.note(beat(2, progress: UInt64(now), isBusy: true, running: 1), now: now)
            #expect(state.tick(now: now) == [])
        }
        var isLost = false
        for now in stride(from: 401.0, through: 800, by: 1) where !isLost {
            _ = state.note(beat(2, progress: 400, isBusy: true, running: 1), now: now)
            isLost = state.tick(now: now) == [.failRequests(schedulerEpoch: 2)]
            #expect(isLost == (now > 700))
        }
        // Standing still without work is no fault.
        _ = state.note(ready(3), now: 0)
        for now in stride(from: 0.0, through: 900, by: 1) {
            _ = state.note(beat(3), now: now)
            #expect(state.tick(now: now) == [])
        }
    }

    @Test mutating func aDetokenizerMayComeBack() {
        #expect(!state.canDetokenize)
        #expect(state.note(.hello(detokenizerEpoch: 1, processID: 5), now: 0) == [.tellDetokenizerStarted(epoch: 1)])
        #expect(state.isDetokenizerAlive(now: 1) && state.detokenizerProcess == 5)
        state.detokenizerExited(now: 1)
        #expect(!state.isDetokenizerAlive(now: 1) && state.canDetokenize && state.detokenizerProcess == nil)
        #expect(state.tick(now: 30) == [])
        #expect(state.note(.hello(detokenizerEpoch: 2, processID: 6), now: 30) == [.tellDetokenizerStarted(epoch: 2)])
        #expect(state.tick(now: 60) == [])
        #expect(state.tick(now: 61) == [.failAllRequests])
        #expect(state.tick(now: 62) == [])
        #expect(!state.canDetokenize)
        // It was only very slow.
        let beat = Heartbeat(epoch: 2, processID: 6, progress: 0, isBusy: false)
        #expect(state.note(.heartbeat(beat), now: 70) == [])
        #expect(state.canDetokenize && state.isDetokenizerAlive(now: 71))
    }

    @Test mutating func idlenessIsTheSchedulersWord() {
        _ = state.note(ready(1), now: 0)
        #expect(state.idleSince == nil)
        _ = state.note(beat(1), now: 3)
        _ = state.note(beat(1), now: 5)
        #expect(state.idleSince == 3)
        _ = state.note(beat(1, isBusy: true), now: 6)
        #expect(state.idleSince == nil)
        _ = state.note(beat(1), now: 7)
        _ = state.note(ready(2), now: 8)
        #expect(state.idleSince == nil)
    }
}
