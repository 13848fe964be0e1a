import ApusCore
package import ApusWire
import Logging
import Synchronization

/// The front's ends of the ring, made and used by its ring thread alone.
package struct RingEnds {
    package let inbox: any Inbox<ToFront>
    package let outbox: any Outbox<FrontToScheduler>
    /// Lets a wait of the inbox end when a descriptor becomes readable, and no longer; nil where that is not offered.
    package let watch: ((Int32) -> Void)?
    package let unwatch: ((Int32) -> Void)?

    package init(
        inbox: any Inbox<ToFront>, outbox: any Outbox<FrontToScheduler>, watch: ((Int32) -> Void)? = nil,
        unwatch: ((Int32) -> Void)? = nil
    ) {
        self.inbox = inbox
        self.outbox = outbox
        self.watch = watch
        self.unwatch = unwatch
    }
}

/// The one thread that speaks with the other processes. Async code hands it messages; what comes in goes to the
/// `RingMonitor` and the `ReplyBoard`.
final class RingThread: Sendable {
    private struct Outgoing {
        var messages: [FrontToScheduler] = []
        /// Messages that the thread has taken and the other side has not.
        var backlogCount = 0
        var isStopping = false
    }

    private let outgoing = Mutex(Outgoing())
    private let wake: WakeSignal
    /// Tells this front from an earlier one.
    private let epoch = UInt64.random(in: 1 ... .max)
    private let thread = Mutex<NamedThread?>(nil)

    /// Seconds between two looks at deadlines and processes: the least, and the most for which the thread sleeps, since it
    /// is awake now and then anyway.
    private static let tick = 0.25
    private static let longestSleep = 0.5
    /// Seconds between two tries to send while the other side's queue is full.
    private static let retry = 0.005
    /// Messages handled before what goes out is looked at again.
    private static let burst = 256
    /// Requests that may wait to be sent; words that end a request are always taken.
    private static let outgoingLimit = 65_536

    init(wake: WakeSignal) {
        self.wake = wake
    }

    /// Starts the thread. `connect` runs on it; if that fails, `onFailure` is told and the thread ends.
    func start(
        monitor: RingMonitor, board: ReplyBoard,
        connect: @escaping @Sendable (WakeSignal) throws -> RingEnds,
        onFailure: @escaping @Sendable (any Error) -> Void
    ) {
        thread.withLock { thread in
            precondition(thread == nil, "the ring thread was started already")
            thread = NamedThread("front-ring") { [self, wake] in
                do {
                    let ends = try connect(wake)
                    run(ends, monitor: monitor, board: board)
                } catch {
                    onFailure(error)
                }
            }
        }
    }

    /// Sends what was posted before, as far as the other side takes it, and ends the thread.
    func stop() {
        outgoing.withLock { $0.isStopping = true }
        wake.wake()
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
    }

    /// False when too much waits to be sent already: then the message was not taken.
    @discardableResult
    func post(_ message: FrontToScheduler) -> Bool {
        let (taken, isFirst) = outgoing.withLock { outgoing -> (Bool, Bool) in
            switch message {
            case .generate, .embed:
                if outgoing.messages.count + outgoing.backlogCount >= Self.outgoingLimit { return (false, false) }
            default: break
            }
            outgoing.messages.append(message)
            return (true, outgoing.messages.count == 1)
        }
        if isFirst { wake.wake() }
        return taken
    }

    /// Messages that the other side has not taken.
    var depth: Int { outgoing.withLock { $0.messages.count + $0.backlogCount } }

    /// Introduces this front to a scheduler that does not know it, or that it does not know.
    func greet() { post(.hello(frontEpoch: epoch)) }

    private func run(_ ends: RingEnds, monitor: RingMonitor, board: ReplyBoard) {
        var backlog: [FrontToScheduler] = [.hello(frontEpoch: epoch)]
        var processes = WatchedProcesses(ends)
        var lastTick = -Double.infinity
        while true {
            let isStopping = takeOutgoing(into: &backlog)
            send(&backlog, over: ends.outbox)
            if isStopping { return }

            let wait = backlog.isEmpty ? max(0, lastTick + Self.longestSleep - Clocks.monotonic()) : Self.retry
            var message = ends.inbox.receive(timeout: wait)
            var count = 0
            while let received = message {
                handle(received, monitor, board)
                count += 1
                message = count < Self.burst ? ends.inbox.receive(timeout: 0) : nil
            }

            processes.update(scheduler: monitor.schedulerProcess, detokenizer: monitor.detokenizerProcess)
            let now = Clocks.monotonic()
            // An end wakes the inbox, which then has no message; where that is not offered, ticks are often enough.
            let isDue = now >= lastTick + Self.tick
            if count == 0 || isDue {
                if processes.schedulerHasExited { monitor.schedulerExited() }
                if processes.detokenizerHasExited { monitor.detokenizerExited() }
            }
            if isDue {
                monitor.tick(now: now)
                lastTick = now
            }
        }
    }

    private func takeOutgoing(into backlog: inout [FrontToScheduler]) -> Bool {
        outgoing.withLock { outgoing in
            backlog += outgoing.messages
            outgoing.messages.removeAll(keepingCapacity: true)
            outgoing.backlogCount = backlog.count
            return outgoing.isStopping
        }
    }

    private func send(_ backlog: inout [FrontToScheduler], over outbox: any Outbox<FrontToScheduler>) {
        guard !backlog.isEmpty else { return }
        let sentCount = backlog.firstIndex { !outbox.send($0) } ?? backlog.count
        backlog.removeFirst(sentCount)
        outgoing.withLock { $0.backlogCount = backlog.count }
    }

    private func handle(_ message: ToFront, _ monitor: RingMonitor, _ board: ReplyBoard) {
        switch message {
        case .scheduler(let message):
            monitor.note(message)
            switch message {
            case .ended(let requests): board.deliver(requests)
            case .embeddings(let replies): board.deliver(replies)
            default: break
            }
        case .detokenizer(let message):
            monitor.note(message)
            switch message {
            case .deltas(let deltas): board.deliver(deltas)
            case .gaps(let rids): post(.resend(rids: rids))
            case .hello, .heartbeat: break
            }
        }
    }
}

/// The processes whose end the ring thread wants to notice at once.
private struct WatchedProcesses {
    private let ends: RingEnds
    private var scheduler: ProcessWatch?
    private var detokenizer: ProcessWatch?

    init(_ ends: RingEnds) {
        self.ends = ends
    }

    mutating func update(scheduler: Int32?, detokenizer: Int32?) {
        replace(&self.scheduler, by: scheduler)
        replace(&self.detokenizer, by: detokenizer)
    }

    var schedulerHasExited: Bool { scheduler?.hasExited ?? false }
    var detokenizerHasExited: Bool { detokenizer?.hasExited ?? false }

    private func replace(_ watch: inout ProcessWatch?, by processID: Int32?) {
        guard watch?.processID != processID else { return }
        if let descriptor = watch?.descriptor { ends.unwatch?(descriptor) }
        watch = processID.map { ProcessWatch(processID: $0) }
        if let descriptor = watch?.descriptor { ends.watch?(descriptor) }
    }
}
