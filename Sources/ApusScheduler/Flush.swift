import ApusWire

/// A call to flush the cache, which waits until nothing runs or waits, or until its time is over.
struct Flush {
    private struct Waiting {
        var call: UInt64
        var deadline: Double
    }

    private var waiting: Waiting?

    /// When the call that waits gives up; nil: none waits.
    var deadline: Double? { waiting?.deadline }

    /// The outcome of a new call; nil: it waits. `timeout` in seconds.
    mutating func begin(call: UInt64, timeout: Double, isIdle: Bool, now: Double) -> FlushOutcome? {
        if waiting != nil { return .alreadyInProgress }
        if isIdle { return .flushed }
        guard timeout > 0 else { return .busy }
        waiting = Waiting(call: call, deadline: now + timeout)
        return nil
    }

    /// The outcome of the call that waits, if it has one now.
    mutating func poll(isIdle: Bool, now: Double) -> (call: UInt64, outcome: FlushOutcome)? {
        guard let call = waiting else { return nil }
        guard isIdle || now >= call.deadline else { return nil }
        waiting = nil
        return (call.call, isIdle ? .flushed : .timedOut)
    }
}
