import ApusCore
import ApusWire
import Synchronization

/// The state of the ring for many threads, and those who wait for a word of the scheduler.
final class RingMonitor: Sendable {
    private struct Waiter<Value: Sendable> {
        let continuation: CheckedContinuation<Value?, Never>
        /// Monotonic seconds.
        let deadline: Double
    }

    private struct State {
        var ring: RingState
        /// Monotonic seconds of the ring thread's last look at the time.
        var tickedAt = 0.0
        /// An earlier front's calls must not be taken for ours.
        var nextCall = UInt64.random(in: 1...1 << 62)
        var signs: [UInt64: Waiter<Bool>] = [:]
        var flushes: [UInt64: Waiter<FlushOutcome>] = [:]
        var reports: [UInt64: Waiter<SchedulerState>] = [:]
        var controls: [UInt64: Waiter<ControlReply>] = [:]
    }

    private let state: Mutex<State>
    private let act: @Sendable (RingState.Action) -> Void
    private let onIdle: @Sendable (Double, Double) -> Void

    /// `act` carries out what the state asks for; `onIdle` is told some times a second, while the scheduler says that it
    /// has nothing to do, since when that is so and what time it is (monotonic seconds).
    init(
        limits: RingState.Limits, act: @escaping @Sendable (RingState.Action) -> Void,
        onIdle: @escaping @Sendable (Double, Double) -> Void
    ) {
        state = Mutex(State(ring: RingState(limits: limits)))
        self.act = act
        self.onIdle = onIdle
    }

    var ring: RingState { state.withLock { $0.ring } }
    /// The ring thread gets on.
    var isTurning: Bool { Clocks.monotonic() - state.withLock { $0.tickedAt } < 2 }
    var schedulerProcess: Int32? { state.withLock { $0.ring.schedulerProcess } }
    var detokenizerProcess: Int32? { state.withLock { $0.ring.detokenizerProcess } }

    // MARK: Waiting

    /// True once the scheduler says anything after `send`; false if it does not within `timeout` seconds.
    func signOfLife(within timeout: Double, _ send: () -> Void) async -> Bool {
        await wait(\.signs, timeout) { _ in send() } ?? false
    }

    /// Sends a call and waits for its reply; nil if none comes within `timeout` seconds or the scheduler ends.
    func flush(within timeout: Double, _ send: (UInt64) -> Void) async -> FlushOutcome? {
        await wait(\.flushes, timeout, send)
    }

    /// As `flush(within:_:)`, for the scheduler's report.
    func report(within timeout: Double, _ send: (UInt64) -> Void) async -> SchedulerState? {
        await wait(\.reports, timeout, send)
    }

    /// As `flush(within:_:)`, for an operator's call.
    func control(within timeout: Double, _ send: (UInt64) -> Void) async -> ControlReply? {
        await wait(\.controls, timeout, send)
    }

    private func wait<Value: Sendable>(
        _ table: WritableKeyPath<State, [UInt64: Waiter<Value>]>, _ timeout: Double, _ send: (UInt64) -> Void
    ) async -> Value? {
        await withCheckedContinuation { continuation in
            let call = state.withLock { state in
                let call = state.nextCall
                state.nextCall += 1
                state[keyPath: table][call] = Waiter(
                    continuation: continuation, deadline: Clocks.monotonic() + timeout)
                return call
            }
            send(call)
        }
    }

    // MARK: Events, from the ring thread

    func note(_ message: SchedulerToFront) {
        let now = Clocks.monotonic()
        var resume: [() -> Void] = []
        let actions = state.withLock { state in
            let actions = state.ring.note(message, now: now)
            if state.ring.ready != nil, state.ring.lastShowedProgress {
                for waiter in state.signs.values { resume.append { waiter.continuation.resume(returning: true) } }
                state.signs.removeAll()
            }
            switch message {
            case .flushed(let call, let outcome):
                if let waiter = state.flushes.removeValue(forKey: call) {
                    resume.append { waiter.continuation.resume(returning: outcome) }
                }
            case .state(let call, let report):
                if let waiter = state.reports.removeValue(forKey: call) {
                    resume.append { waiter.continuation.resume(returning: report) }
                }
            case .controlled(let call, let reply):
                if let waiter = state.controls.removeValue(forKey: call) {
                    resume.append { waiter.continuation.resume(returning: reply) }
                }
            default: break
            }
            return actions
        }
        for step in resume { step() }
        actions.forEach(act)
    }

    func note(_ message: DetokenizerToFront) {
        let now = Clocks.monotonic()
        state.withLock { $0.ring.note(message, now: now) }.forEach(act)
    }

    func schedulerExited() {
        let (actions, resume) = state.withLock { state in
            (state.ring.schedulerExited(), Self.giveUp(before: .infinity, &state))
        }
        for step in resume { step() }
        actions.forEach(act)
    }

    func detokenizerExited() {
        let now = Clocks.monotonic()
        state.withLock { $0.ring.detokenizerExited(now: now) }
    }

    func tick(now: Double) {
        let (actions, resume, idleSince) = state.withLock { state in
            state.tickedAt = now
            return (state.ring.tick(now: now), Self.giveUp(before: now, &state), state.ring.idleSince)
        }
        for step in resume { step() }
        actions.forEach(act)
        if let idleSince { onIdle(idleSince, now) }
    }

    /// Takes out those whose time is over, to be resumed without the lock.
    private static func giveUp(before now: Double, _ state: inout State) -> [() -> Void] {
        overdue(&state.signs, now) + overdue(&state.flushes, now) + overdue(&state.reports, now)
            + overdue(&state.controls, now)
    }

    private static func overdue<Value: Sendable>(_ table: inout [UInt64: Waiter<Value>], _ now: Double) -> [() -> Void]
    {
        let late = table.filter { $0.value.deadline <= now }
        for call in late.keys { table[call] = nil }
        return late.values.map { waiter in { waiter.continuation.resume(returning: nil) } }
    }
}
