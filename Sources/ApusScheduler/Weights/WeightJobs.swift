import ApusCore
import ApusEngine
import Logging
import Synchronization

/// The calls of a `WeightLibrary`, made away from the scheduler's thread: one at a time, whose outcome is fetched.
final class WeightJobs: Sendable {
    enum Outcome: Sendable {
        case checked(any WeightCandidate)
        case loaded(any ResidentWeights)
        case failed(WeightFailure)
    }

    private struct State {
        var isBusy = false
        var outcome: Outcome?
        var loadSeconds = 0.0
        /// When memory is given back next.
        var givesBackAt = 0.0
    }

    /// Loads keep to it.
    let gate: LoadGate
    private let library: any WeightLibrary
    private let start: BackgroundThread.Start
    private let state = Mutex(State())

    /// - Parameter wake: Called when an outcome is there, on the job's thread.
    init(
        _ library: any WeightLibrary, gate: LoadGate = LoadGate(), wake: @escaping @Sendable () -> Void,
        start: BackgroundThread.Start? = nil
    ) {
        self.library = library
        self.gate = gate
        let start = start ?? BackgroundThread("apus-weights").start
        self.start = { job in
            start {
                job()
                wake()
            }
        }
    }

    func check(_ path: String?, format: String?) {
        run { [library] () throws(WeightFailure) in .checked(try library.check(path, format: format)) }
    }

    /// Each quarter that is read is a line of `logger`.
    func load(_ candidate: any WeightCandidate, logger: Logger) {
        run { [self] () throws(WeightFailure) in
            var told = 0
            let start = Clocks.monotonic()
            let outcome = try gate.work { () throws(WeightFailure) in
                Outcome.loaded(
                    try candidate.load(pace: gate.pass) { share in
                        let quarter = Int(share * 4)
                        guard quarter > told else { return }
                        told = quarter
                        logger.info("Loading new weights: \(quarter * 25)%")
                    })
            }
            state.withLock { $0.loadSeconds = Clocks.monotonic() - start }
            return outcome
        }
    }

    /// Seconds that the last load which succeeded took; 0: there was none.
    var loadSeconds: Double { state.withLock(\.loadSeconds) }

    /// Seconds for which what freed weights left is kept for the next, then megabytes a second that the system gets: a
    /// virtual machine's host takes what it finds in pauses of all cores, which have to be short.
    private static let (keptSeconds, givenBack) = (60.0, 16 << 20)
    private static let interval = 0.25

    /// Weights have been freed: from now on their memory is kept for others.
    func noteFreed(now: Double) { state.withLock { $0.givesBackAt = now + Self.keptSeconds } }

    /// Called between steps.
    func tendMemory(now: Double) {
        let isDue = state.withLock { state in
            if state.isBusy { state.givesBackAt = now + Self.keptSeconds }
            guard now >= state.givesBackAt else { return false }
            state.givesBackAt = now + Self.interval
            return true
        }
        if isDue { library.giveBack(byteCount: Int(Double(Self.givenBack) * Self.interval)) }
    }

    /// What the last call came to, once; nil while it runs.
    func take() -> Outcome? {
        state.withLock { state in
            guard let outcome = state.outcome else { return nil }
            (state.isBusy, state.outcome) = (false, nil)
            return outcome
        }
    }

    private func run(_ job: @escaping @Sendable () throws(WeightFailure) -> Outcome) {
        state.withLock { state in
            precondition(!state.isBusy, "weights are worked on one job at a time")
            state.isBusy = true
        }
        start { [self] in
            let outcome: Outcome
            do throws(WeightFailure) { outcome = try job() } catch { outcome = .failed(error) }
            state.withLock { $0.outcome = outcome }
        }
    }
}
