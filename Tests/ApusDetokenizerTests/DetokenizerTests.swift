import ApusCore
import ApusTestSupport
import ApusText
import ApusWire
import Logging
import Testing

@testable import ApusDetokenizer

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The role over both kinds of link: one body.
@Suite struct DetokenizerTests {
    enum Kind: CaseIterable { case inMemory, zeroMQ }

    /// The detokenizer's clock, monotonic seconds.
    private final class Time {
        var now = 1.0
    }

    private struct Ring {
        let scheduler: any Outbox<SchedulerToDetokenizer>
        let detokenizer: Detokenizer
        let front: any Inbox<ToFront>
        let wake: WakeSignal
        let time = Time()
        private let directory: TemporaryDirectory?

        init(_ kind: Kind, frontCapacity: Int = 1000) throws {
            wake = try WakeSignal()
            let inbox: any Inbox<SchedulerToDetokenizer>
            let outbox: any Outbox<DetokenizerToFront>
            switch kind {
            case .inMemory:
                directory = nil
                let tokens = try InMemoryLink<SchedulerToDetokenizer>()
                let deltas = try InMemoryLink<ToFront>(capacity: frontCapacity)
                scheduler = tokens.outbox()
                inbox = tokens.inbox(wake: wake)
                outbox = deltas.outbox(ToFront.detokenizer)
                front = deltas.inbox()
            case .zeroMQ:
                let temporary = TemporaryDirectory()
                directory = temporary
                let runtime = try RuntimeDirectory(path: temporary.path)
                let context = try ZeroMQContext()
                scheduler = try ZeroMQOutbox<SchedulerToDetokenizer>(to: .detokenizer, in: runtime, context: context)
                inbox = try ZeroMQInbox<SchedulerToDetokenizer>(
                    .detokenizer, in: runtime, context: context, wake: wake)
                outbox = try ZeroMQOutbox<DetokenizerToFront>(to: .front, in: runtime, context: context)
                front = try ZeroMQInbox<ToFront>(.front, in: runtime, context: context)
            }
            detokenizer = Detokenizer(
                configuration: DetokenizerConfiguration(epoch: 7), tokenizer: try TinyTokenizer.make(), inbox: inbox,
                front: outbox, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                clock: { [time] in time.now })
        }

        /// The next message that is no heartbeat.
        func next(timeout: Double = 10) -> DetokenizerToFront? {
            while case .detokenizer(let message)? = front.receive(timeout: timeout) {
                if case .heartbeat = message { continue }
                return message
            }
            return nil
        }

        func deltas() -> [TextDelta]? {
            if case .deltas(let deltas)? = next() { deltas } else { nil }
        }
    }

    @Test(arguments: Kind.allCases) func saysHelloAndGivesSignsOfLife(_ kind: Kind) throws {
        let ring = try Ring(kind)
        #expect(!ring.detokenizer.step(timeout: 0))
        #expect(ring.front.receive(timeout: 10) == .detokenizer(.hello(detokenizerEpoch: 7, processID: getpid())))
        guard case .detokenizer(.heartbeat(let beat, let figures))? = ring.front.receive(timeout: 10) else {
            Issue.record("no heartbeat")
            return
        }
        #expect(beat == Heartbeat(epoch: 7, processID: getpid(), progress: 0, isBusy: true))
        #expect(figures.streams == 0 && figures.process.residentBytes > 0)
    }

    /// Text is a sign of life; what was done is told every two seconds all the same.
    @Test func whoSpeaksNeedsNoHeartbeats() throws {
        let ring = try Ring(.inMemory)
        /// Tokens that a heartbeat of this step tells of, nil without one.
        func step() -> Int? {
            ring.time.now += 0.5
            ring.detokenizer.step(timeout: 0)
            while let message = ring.front.receive(timeout: 0) {
                if case .detokenizer(.heartbeat(_, let figures)) = message { return figures.tokens }
            }
            return nil
        }
        #expect(step() == 0 && step() == 0)
        var told: [Int?] = []
        for update in updates(Array(repeating: 97, count: 9), opening: opening()) {
            #expect(ring.scheduler.send(.tokens([update])))
            told.append(step())
        }
        #expect(told == [0, nil, 2, nil, nil, nil, 6, nil, nil])
        // It falls silent.
        #expect(step() == nil && step() == 9 && step() == 9)
    }

    @Test(arguments: Kind.allCases) func turnsTokensIntoText(_ kind: Kind) throws {
        let ring = try Ring(kind)
        let ids = TinyTokenizer.bytes("Zoë 日本\n")
        #expect(ring.scheduler.send(.hello(schedulerEpoch: 1)))
        for update in updates(ids, opening: opening()) { #expect(ring.scheduler.send(.tokens([update]))) }
        var text = ""
        var received: [Int32] = []
        var finish: FinishReason?
        #expect(ring.detokenizer.step(timeout: 10))
        #expect(ring.next() == .hello(detokenizerEpoch: 7, processID: getpid()))
        while finish == nil {
            for delta in try #require(ring.deltas()) {
                #expect(delta.start == received.count)
                #expect(delta.textStart == text.utf8.count)
                received += delta.ids
                text += delta.text
                finish = delta.finish
            }
            if finish == nil { ring.detokenizer.step(timeout: 10) }
        }
        #expect(text == "Zoë 日本\n")
        #expect(received == ids)
        #expect(finish == .length(1000))
        #expect(ring.detokenizer.streamCount == 0)
    }

    @Test(arguments: Kind.allCases) func aStreamWithoutItsStartIsAskedFor(_ kind: Kind) throws {
        let ring = try Ring(kind)
        let all = updates(TinyTokenizer.bytes("ab"), opening: opening())
        #expect(ring.scheduler.send(.tokens([all[1]])))
        #expect(ring.detokenizer.step(timeout: 10))
        #expect(ring.next() == .hello(detokenizerEpoch: 7, processID: getpid()))
        #expect(ring.next() == .gaps(rids: ["r"]))
        #expect(ring.scheduler.send(.tokens(all)))
        #expect(ring.detokenizer.step(timeout: 10))
        #expect(ring.deltas()?.map(\.text).joined() == "ab")
    }

    @Test(arguments: Kind.allCases) func streamsOfAnEarlierSchedulerAndForgottenOnesAreDropped(_ kind: Kind) throws {
        let ring = try Ring(kind)
        func open(_ rid: String) -> SchedulerToDetokenizer {
            .tokens([updates(TinyTokenizer.bytes("ab"), rid: rid, opening: opening())[0]])
        }
        func step(_ message: SchedulerToDetokenizer) {
            #expect(ring.scheduler.send(message))
            #expect(ring.detokenizer.step(timeout: 10))
        }
        step(open("a"))
        step(open("b"))
        #expect(ring.detokenizer.streamCount == 2)
        step(.forget(rids: ["a", "unknown"]))
        #expect(ring.detokenizer.streamCount == 1)
        step(.hello(schedulerEpoch: 2))
        #expect(ring.detokenizer.streamCount == 0)
    }

    /// Whatever the queue to the front holds, nothing is lost or reordered.
    @Test func aFrontThatIsSlowGetsEverythingInOrder() throws {
        let ring = try Ring(.inMemory, frontCapacity: 1)
        let ids = (0..<200).map { Int32(97 + $0 % 26) }
        for update in updates(ids, opening: opening()) { #expect(ring.scheduler.send(.tokens([update]))) }
        var received: [Int32] = []
        var steps = 0
        while received.count < ids.count, steps < 10_000 {
            ring.detokenizer.step(timeout: 0)
            steps += 1
            guard steps % 3 == 0, case .detokenizer(.deltas(let deltas))? = ring.front.receive(timeout: 0) else {
                continue
            }
            for delta in deltas {
                #expect(delta.start == received.count)
                received += delta.ids
            }
        }
        #expect(received == ids)
    }

    /// In memory, where what was sent has arrived.
    @Test func runEndsWhenToldAndAnswersWhatCameBefore() throws {
        let ring = try Ring(.inMemory)
        #expect(ring.scheduler.send(.tokens(updates(TinyTokenizer.bytes("ab"), opening: opening()))))
        var asked = 0
        ring.detokenizer.run {
            asked += 1
            // The second time, so that one step has run.
            return asked > 1
        }
        #expect(ring.next() == .hello(detokenizerEpoch: 7, processID: getpid()))
        #expect(ring.deltas()?.map(\.text).joined() == "ab")
        // Everything was said: nothing is left to send.
        #expect(ring.next(timeout: 0.05) == nil)
    }
}
