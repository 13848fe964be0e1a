import ApusCore
package import ApusWire
import Synchronization

/// What the scheduler is doing, for a thread that reports it while a long step keeps the scheduler's own from doing so.
package final class Pulse: Sendable {
    struct Reading {
        var heartbeat: Heartbeat
        var load: SchedulerLoad
        /// `Clocks.monotonic()` of the last report.
        var reportedAt: Double
    }

    private let reading: Mutex<Reading>

    init(epoch: UInt64, processID: Int32) {
        reading = Mutex(
            Reading(
                heartbeat: Heartbeat(epoch: epoch, processID: processID, progress: 0, isBusy: false),
                load: SchedulerLoad(
                    running: 0, queued: 0, freeTokens: 0, cachedTokens: 0, heldTokens: 0, generationThroughput: 0),
                reportedAt: 0))
    }

    func update(_ change: (inout Reading) -> Void) {
        reading.withLock { change(&$0) }
    }

    /// Seconds until a heartbeat is overdue, as `overdue` understands it.
    package func patience(interval: Double, now: Double = Clocks.monotonic()) -> Double {
        max(0, reading.withLock(\.reportedAt) + interval - now)
    }

    /// The present heartbeat if none was reported for `interval` seconds; it then counts as reported.
    package func overdue(interval: Double, now: Double = Clocks.monotonic()) -> SchedulerToFront? {
        reading.withLock { reading in
            guard now - reading.reportedAt >= interval else { return nil }
            reading.reportedAt = now
            return .heartbeat(reading.heartbeat, load: reading.load)
        }
    }
}
