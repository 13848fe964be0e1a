import ApusCore

/// Keeps the thread that loads weights off the processors while a step computes.
///
/// The threads of a step meet at hundreds of barriers, so that one who loses its core for a moment holds up all. A loader
/// of any priority takes cores for moments: so it does its work in pieces of a millisecond or two, asks here before each,
/// and stands while a step runs. After a step it is lent the processors for a while that is short beside a step.
///
/// Neither side can be kept waiting for good: the loader gets a piece done whenever something is lent, and stands no
/// longer than steps follow one another; the scheduler waits for a loader that is late (on a slow disk, say) no longer
/// than `patience`, and not again before that piece is done, but computes beside it.
final class LoadGate: Sendable {
    private enum Job {
        case none, working, standing
    }

    private struct State {
        var job = Job.none
        /// The piece at hand was waited for in vain.
        var isLate = false
        /// The loader may begin pieces before this moment of `Clocks.monotonic`.
        var closesAt = Double.infinity

        /// The loader works, and it is worth waiting for.
        var isWaitedFor: Bool { job == .working && !isLate }

        mutating func open(until moment: Double) {
            closesAt = moment
            if job == .standing { job = .working }
        }
    }

    private let state = Monitor(State())
    private let patience: Double

    /// - Parameter patience: Seconds that the end of a piece is waited for.
    init(patience: Double = 0.01) {
        self.patience = patience
    }

    // MARK: - The loader's thread

    /// A job whose pieces each begin with `pass`; one at a time.
    func work<Outcome, Failure>(_ job: () throws(Failure) -> Outcome) throws(Failure) -> Outcome {
        state.change { $0.job = .working }
        defer { state.change { ($0.job, $0.isLate) = (.none, false) } }
        return try job()
    }

    /// Returns when the next piece may be done.
    func pass() {
        let mayGoOn = state.change { state in
            state.isLate = false
            if Clocks.monotonic() >= state.closesAt { state.job = .standing }
            return state.job == .working
        }
        if !mayGoOn { state.wait { $0.job == .working } }
    }

    // MARK: - The scheduler's thread

    /// Nothing is computed: the loader goes on as it likes.
    func open() {
        state.change { $0.open(until: .infinity) }
    }

    /// A step begins: waits for the end of the piece at hand.
    func close() {
        state.change { $0.closesAt = -.infinity }
        waitForLoader(atMost: patience)
    }

    /// Between two steps: waits while the loader works, for about so many seconds, and has closed the gate then.
    func lend(_ seconds: Double) {
        state.change { $0.open(until: Clocks.monotonic() + seconds) }
        waitForLoader(atMost: seconds + patience)
    }

    private func waitForLoader(atMost seconds: Double) {
        guard !state.wait(atMost: seconds, until: { !$0.isWaitedFor }) else { return }
        state.change { $0.isLate = $0.job == .working }
    }
}
