import ApusCore
import ApusEngine
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The calls of a `WeightLibrary`, made away from the scheduler's thread: one at a time, whose outcome is fetched.
final class WeightJobs: Sendable {
    enum Outcome: Sendable {
        case checked(any WeightCandidate)
        case loaded(any ResidentWeights)
        case failed(WeightFailure)
    }

    /// Runs a job somewhere, and returns at once.
    typealias Start = @Sendable (_ job: @escaping @Sendable () -> Void) -> Void

    private struct State {
        var isBusy = false
        var outcome: Outcome?
    }

    private let library: any WeightLibrary
    private let start: Start
    private let state = Mutex(State())

    /// - Parameter wake: Called when an outcome is there, on the job's thread.
    init(_ library: any WeightLibrary, wake: @escaping @Sendable () -> Void, start: Start? = nil) {
        self.library = library
        let start = start ?? Self.thread()
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

    /// `progress` is told the share that is read, on the job's thread.
    func load(_ candidate: any WeightCandidate, progress: @escaping @Sendable (Double) -> Void) {
        run { () throws(WeightFailure) in .loaded(try candidate.load(progress: progress)) }
    }

    /// What the last call came to, once; nil while it runs.
    func take() -> Outcome? {
        state.withLock { state in
            guard let outcome = state.outcome else { return nil }
            state = State()
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

    /// A thread a job, which takes little from those that run steps.
    private static func thread() -> Start {
        let last = Mutex<NamedThread?>(nil)
        let holder = ThreadHolder(last)
        return { job in
            holder.replace {
                NamedThread("apus-weights") {
                    yieldToSteps(); job()
                }
            }
        }
    }

    /// On Linux a thread has a priority of its own. A tenth of a processor is left to it where steps take all.
    private static func yieldToSteps() {
        #if os(Linux)
            _ = nice(10)
        #endif
    }
}

/// The thread of the last job, so that it is joined before the next.
private final class ThreadHolder: Sendable {
    private let thread: Mutex<NamedThread?>

    init(_ thread: consuming Mutex<NamedThread?>) {
        self.thread = thread
    }

    func replace(by make: () -> NamedThread) {
        thread.withLock { thread in
            thread?.join()
            thread = make()
        }
    }
}
