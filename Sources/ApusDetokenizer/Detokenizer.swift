import ApusCore
import ApusObserve
package import ApusText
package import ApusWire
package import Logging

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The role that turns token streams into text: takes updates of the scheduler, gives deltas to the front, and ends
/// streams whose text contains a stop string. A blocking loop for one thread; it sleeps while there is nothing to do.
///
/// It may be killed at any time: what it knows of a stream can be sent again from the stream's start, and gives the
/// same deltas again.
package final class Detokenizer {
    private let configuration: DetokenizerConfiguration
    private let inbox: any Inbox<SchedulerToDetokenizer>
    private let front: any Outbox<DetokenizerToFront>
    private let logger: Logger
    private let clock: () -> Double
    private var table: StreamTable
    /// What the front has not taken yet, in order. Nothing more is received while there is any.
    private var outgoing: [DetokenizerToFront]
    private var progress: UInt64 = 0
    private var tokenCount = 0
    private var nextHeartbeat = 0.0
    private var nextFigures = 0.0
    private var usage = ProcessUsage()
    /// The front had deltas since the last heartbeat was due: as good a sign of life.
    private var hasSpoken = false

    /// Seconds between two signs of life.
    private static let heartbeatInterval = 0.5
    /// Seconds between two reports of what this process did and takes.
    private static let figuresInterval = 2.0
    /// Seconds between two tries to send while the front's queue is full.
    private static let retryInterval = 0.005
    /// Messages answered by one batch of deltas, so that a long queue is worked off in large pieces.
    private static let messagesPerBatch = 64

    package init(
        configuration: DetokenizerConfiguration, tokenizer: Tokenizer, inbox: any Inbox<SchedulerToDetokenizer>,
        front: any Outbox<DetokenizerToFront>, logger: Logger, clock: @escaping () -> Double = Clocks.monotonic
    ) {
        self.configuration = configuration
        self.inbox = inbox
        self.front = front
        self.logger = logger
        self.clock = clock
        table = StreamTable(tokenizer: tokenizer, capacity: configuration.maxStates)
        outgoing = [.hello(detokenizerEpoch: configuration.epoch, processID: getpid())]
    }

    /// Works until `isOver`, which is asked at least twice a second and whenever the inbox was woken.
    package func run(until isOver: () -> Bool) {
        logger.info("detokenizer started", metadata: ["states": "\(configuration.maxStates)"])
        while !isOver() {
            step(timeout: max(0, nextHeartbeat - clock()))
        }
        // What the scheduler sent before the end still reaches the front, if the front takes it.
        while step(timeout: 0) && outgoing.isEmpty {}
        logger.info("detokenizer stopped")
    }

    /// Waits up to `timeout` seconds for messages and answers them; false if there were none or the front is full.
    @discardableResult
    package func step(timeout: Double) -> Bool {
        beat()
        guard flush() else {
            // The front is slow or away: the queue behind us fills and slows the scheduler down.
            if timeout > 0 { usleep(UInt32(min(timeout, Self.retryInterval) * 1e6)) }
            return false
        }
        guard let first = inbox.receive(timeout: timeout) else { return false }
        var batch = OutgoingBatch()
        handle(first, &batch)
        var count = 1
        while count < Self.messagesPerBatch, let next = inbox.receive(timeout: 0) {
            handle(next, &batch)
            count += 1
        }
        progress += UInt64(count)
        if !batch.deltas.isEmpty { outgoing.append(.deltas(batch.deltas)) }
        if !batch.gaps.isEmpty { outgoing.append(.gaps(rids: batch.gaps)) }
        if flush(), !batch.deltas.isEmpty { hasSpoken = true }
        return true
    }

    /// Streams known now.
    package var streamCount: Int { table.count }

    private func handle(_ message: SchedulerToDetokenizer, _ batch: inout OutgoingBatch) {
        switch message {
        case .hello:
            table.removeAll()
        case .tokens(let updates):
            for update in updates {
                tokenCount += update.ids.count
                log(update)
                table.apply(update, now: clock(), &batch)
            }
        case .forget(let rids):
            for rid in rids { table.remove(rid) }
        case .configureLogging(let settings):
            ProcessLog.configure(level: settings.level, logsRequests: settings.logsRequests)
        }
    }

    private func log(_ update: TokenUpdate) {
        if let origin = update.opening?.origin {
            logger.log(
                level: ProcessLog.requestLevel, "stream opened",
                metadata: origin.fields(rid: update.rid).mapValues { "\($0)" })
        }
        if update.finish != nil {
            logger.log(level: ProcessLog.requestLevel, "stream finished", metadata: ["rid": "\(update.rid)"])
        }
    }

    private var figures: DetokenizerFigures {
        var figures = DetokenizerFigures()
        figures.streams = table.count
        figures.backlog = outgoing.count
        figures.tokens = tokenCount
        figures.messages = Int(progress)
        figures.process = usage
        return figures
    }

    private func beat() {
        let now = clock()
        guard now >= nextHeartbeat else { return }
        nextHeartbeat = now + Self.heartbeatInterval
        defer { hasSpoken = false }
        let areFiguresDue = now >= nextFigures
        guard areFiguresDue || !hasSpoken else { return }
        if areFiguresDue {
            usage = .current()
            nextFigures = now + Self.figuresInterval
        }
        // One that could not be sent is as good as this one.
        if case .heartbeat = outgoing.last { outgoing.removeLast() }
        let heartbeat = Heartbeat(
            epoch: configuration.epoch, processID: getpid(), progress: progress, isBusy: !outgoing.isEmpty)
        outgoing.append(.heartbeat(heartbeat, figures: figures))
    }

    /// False when the front does not take everything.
    @discardableResult
    private func flush() -> Bool {
        let sent = outgoing.firstIndex { !front.send($0) } ?? outgoing.count
        outgoing.removeFirst(sent)
        return outgoing.isEmpty
    }
}

/// What several updates say together.
struct OutgoingBatch {
    var deltas: [TextDelta] = []
    /// Streams whose updates do not follow each other.
    var gaps: [String] = []
}
