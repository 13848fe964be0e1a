import ApusWire
import Logging

/// Sends to the front what it must not miss: a message that was not taken is kept, in order, for the next attempt.
final class FrontLine {
    /// Messages kept for a front that takes none; then the oldest go.
    static let backlogLimit = 8192

    private let outbox: any Outbox<SchedulerToFront>
    private let logger: Logger
    private var waiting: [SchedulerToFront] = []

    init(_ outbox: any Outbox<SchedulerToFront>, logger: Logger) {
        self.outbox = outbox
        self.logger = logger
    }

    var hasBacklog: Bool { !waiting.isEmpty }

    func send(_ message: SchedulerToFront) {
        flush()
        guard !waiting.isEmpty || !outbox.send(message) else { return }
        if waiting.count == Self.backlogLimit {
            waiting.removeFirst(Self.backlogLimit / 2)
            logger.error("the front takes no messages: dropped \(Self.backlogLimit / 2) of them")
        }
        waiting.append(message)
    }

    /// Sends it now or not at all.
    func offer(_ message: SchedulerToFront) -> Bool {
        waiting.isEmpty && outbox.send(message)
    }

    func flush() {
        guard !waiting.isEmpty else { return }
        let taken = waiting.firstIndex { !outbox.send($0) } ?? waiting.count
        waiting.removeFirst(taken)
    }

    /// Another front has started: what its predecessor missed means nothing to it.
    func discardBacklog() {
        waiting.removeAll()
    }
}
