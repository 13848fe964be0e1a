import ApusCore
import ApusTestSupport
import ApusWire
import Testing

/// One body for both kinds of link: what a role may rely on whichever carries its messages.
@Suite struct LinkTests {
    enum Kind: CaseIterable { case inMemory, zeroMQ }

    /// Both ends of a link to the front, and what must outlive them.
    private struct Ring {
        let inbox: any Inbox<ToFront>
        let scheduler: any Outbox<SchedulerToFront>
        let detokenizer: any Outbox<DetokenizerToFront>
        let wake: WakeSignal
        let directory: TemporaryDirectory?

        init(_ kind: Kind) throws {
            wake = try WakeSignal()
            switch kind {
            case .inMemory:
                directory = nil
                let link = try InMemoryLink<ToFront>()
                inbox = link.inbox(wake: wake)
                scheduler = link.outbox(ToFront.scheduler)
                detokenizer = link.outbox(ToFront.detokenizer)
            case .zeroMQ:
                let temporary = TemporaryDirectory()
                directory = temporary
                let runtime = try RuntimeDirectory(path: temporary.path)
                let context = try ZeroMQContext()
                inbox = try ZeroMQInbox<ToFront>(.front, in: runtime, context: context, wake: wake)
                scheduler = try ZeroMQOutbox<SchedulerToFront>(to: .front, in: runtime, context: context)
                detokenizer = try ZeroMQOutbox<DetokenizerToFront>(to: .front, in: runtime, context: context)
            }
        }
    }

    @Test(arguments: Kind.allCases) func messagesOfOneSenderKeepTheirOrder(_ kind: Kind) throws {
        let ring = try Ring(kind)
        var messages = RandomMessages(seed: 8)
        var sent: [ToFront] = []
        for _ in 0..<400 {
            let message = messages.toFront()
            sent.append(message)
            switch message {
            case .scheduler(let message): #expect(ring.scheduler.send(message))
            case .detokenizer(let message): #expect(ring.detokenizer.send(message))
            }
        }
        let received = sent.indices.compactMap { _ in ring.inbox.receive(timeout: 10) }
        func ofScheduler(_ messages: [ToFront]) -> [ToFront] {
            messages.filter { if case .scheduler = $0 { true } else { false } }
        }
        func ofDetokenizer(_ messages: [ToFront]) -> [ToFront] {
            messages.filter { if case .detokenizer = $0 { true } else { false } }
        }
        #expect(ofScheduler(received) == ofScheduler(sent))
        #expect(ofDetokenizer(received) == ofDetokenizer(sent))
        #expect(ring.inbox.receive(timeout: 0) == nil)
    }

    @Test(arguments: Kind.allCases) func aFullQueueSaysSoAndTakesMessagesAgainOnceItIsRead(_ kind: Kind) throws {
        let ring = try Ring(kind)
        var taken = 0
        while taken < 1_000_000, ring.scheduler.send(.healthy(rid: String(taken))) { taken += 1 }
        #expect(taken < 1_000_000)
        for number in 0..<taken {
            #expect(ring.inbox.receive(timeout: 10) == .scheduler(.healthy(rid: String(number))))
        }
        #expect(ring.scheduler.send(.healthy(rid: "again")))
        #expect(ring.inbox.receive(timeout: 10) == .scheduler(.healthy(rid: "again")))
    }

    @Test(arguments: Kind.allCases) func aWaitEndsAtItsTimeout(_ kind: Kind) throws {
        let ring = try Ring(kind)
        let start = Clocks.monotonic()
        #expect(ring.inbox.receive(timeout: 0.02) == nil)
        #expect(Clocks.monotonic() - start >= 0.02)
    }

    @Test(arguments: Kind.allCases) func aWakeSignalEndsAWait(_ kind: Kind) throws {
        let ring = try Ring(kind)
        ring.wake.wake()
        ring.wake.wake()
        // Would not come back within the test's patience if the signal went unseen.
        let start = Clocks.monotonic()
        #expect(ring.inbox.receive(timeout: 600) == nil)
        #expect(Clocks.monotonic() - start < 300)
        // Used up by the wait that it ended.
        #expect(ring.inbox.receive(timeout: 0.02) == nil)
        #expect(ring.scheduler.send(.healthy(rid: "a")))
        #expect(ring.inbox.receive(timeout: 10) == .scheduler(.healthy(rid: "a")))
    }

    @Test(arguments: Kind.allCases) func aMessageEndsTheWaitOfAnotherThread(_ kind: Kind) async throws {
        switch kind {
        case .inMemory:
            let link = try InMemoryLink<SchedulerToFront>()
            let received = Task.detached { link.inbox().receive(timeout: 600) }
            #expect(link.outbox().send(.healthy(rid: "a")))
            #expect(await received.value == .healthy(rid: "a"))
        case .zeroMQ:
            let temporary = TemporaryDirectory()
            let runtime = try RuntimeDirectory(path: temporary.path)
            let received = Task.detached {
                let context = try ZeroMQContext()
                return try ZeroMQInbox<SchedulerToFront>(.front, in: runtime, context: context).receive(timeout: 600)
            }
            // Connects before or after the other thread binds: both must do.
            let outbox = try ZeroMQOutbox<SchedulerToFront>(to: .front, in: runtime, context: ZeroMQContext())
            #expect(outbox.send(.healthy(rid: "a")))
            #expect(try await received.value == .healthy(rid: "a"))
        }
    }
}
