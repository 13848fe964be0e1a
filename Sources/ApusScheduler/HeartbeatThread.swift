import ApusCore
package import ApusWire

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reports the scheduler's pulse while a step takes longer than the interval between heartbeats, so that silence on
/// the link means a dead process. Whether a living one gets on is for the receiver to judge by `progress`.
package final class HeartbeatThread: Sendable {
    private let stop: WakeSignal
    private let thread: NamedThread

    /// Intervals of silence before the loop is spoken for: one that turns reports by itself, a little late at times.
    private static let lateness = 1.5

    /// `makeOutbox` runs on the new thread, where the outbox then lives: a socket belongs to one thread.
    package init(
        pulse: Pulse, interval: Double,
        makeOutbox: @escaping @Sendable () throws -> any Outbox<SchedulerToFront>
    ) throws(WireError) {
        let stop = try WakeSignal()
        self.stop = stop
        thread = NamedThread("apus-heartbeat") {
            guard let outbox = try? makeOutbox() else { return }
            let longest = interval * Self.lateness
            var patience = interval
            while !Self.isStopped(stop, within: patience) {
                if let message = pulse.overdue(interval: longest) { _ = outbox.send(message) }
                patience = pulse.patience(interval: longest)
            }
        }
    }

    deinit {
        finish()
    }

    /// Ends the thread and waits for it.
    package func finish() {
        stop.wake()
        thread.join()
    }

    private static func isStopped(_ stop: WakeSignal, within seconds: Double) -> Bool {
        var item = pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&item, 1, Int32((seconds * 1000).rounded(.up))) > 0
    }
}
