package import ApusCore
package import ApusGrammar
import Synchronization

/// Compiles grammars away from the scheduler's thread, one at a time, in the order in which they are asked for.
final class GrammarWorker: Sendable {
    enum Outcome: Sendable {
        case ready(CompiledGrammar)
        /// Words for the client.
        case invalid(String)
        /// It may be right all the same.
        case timedOut
    }

    typealias JobID = UInt64

    private struct State {
        var waiting: [(id: JobID, source: GrammarSource)] = []
        var running: (id: JobID, limit: CompilationLimit)?
        var finished: [(id: JobID, outcome: Outcome, seconds: Double)] = []
        /// A thread is at it.
        var isAtWork = false
        var nextID: JobID = 1
    }

    private let compile: GrammarCompilation
    private let seconds: Double
    private let wake: @Sendable () -> Void
    private let start: BackgroundThread.Start
    private let state = Mutex(State())

    /// - Parameters:
    ///   - seconds: What one grammar may take.
    ///   - wake: Called where the work is done, whenever there is an outcome.
    init(
        seconds: Double, wake: @escaping @Sendable () -> Void, start: BackgroundThread.Start? = nil,
        compile: @escaping GrammarCompilation
    ) {
        self.compile = compile
        self.seconds = seconds
        self.wake = wake
        self.start = start ?? BackgroundThread("apus-grammar").start
    }

    /// Puts a grammar in the queue.
    func submit(_ source: GrammarSource) -> JobID {
        let (id, mustStart) = state.withLock { state in
            let id = state.nextID
            state.nextID += 1
            state.waiting.append((id, source))
            defer { state.isAtWork = true }
            return (id, !state.isAtWork)
        }
        if mustStart { start { [self] in work() } }
        return id
    }

    /// Nobody waits for the job any more. It comes to no outcome, or to one that is late.
    func cancel(_ id: JobID) {
        let limit = state.withLock { state in
            state.waiting.removeAll { $0.id == id }
            return state.running?.id == id ? state.running?.limit : nil
        }
        limit?.cancel()
    }

    /// What has been finished since the last call, and how long it took.
    func take() -> [(id: JobID, outcome: Outcome, seconds: Double)] {
        state.withLock { state in
            defer { state.finished.removeAll() }
            return state.finished
        }
    }

    private func work() {
        while let job = begin() {
            let start = Clocks.monotonic()
            let outcome = outcome(of: job.source, job.limit)
            let seconds = Clocks.monotonic() - start
            state.withLock { state in
                state.running = nil
                if let outcome { state.finished.append((job.id, outcome, seconds)) }
            }
            guard let outcome else { continue }
            wake()
            // Requests may begin; what is left of the tables is made before they come to need it, if nobody waits.
            if case .ready(let grammar) = outcome {
                grammar.makeTables { state.withLock { $0.waiting.isEmpty } }
            }
        }
    }

    private func begin() -> (id: JobID, source: GrammarSource, limit: CompilationLimit)? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isAtWork = false
                return nil
            }
            let (id, source) = state.waiting.removeFirst()
            let limit = CompilationLimit(seconds: seconds)
            state.running = (id, limit)
            return (id, source, limit)
        }
    }

    /// nil: it was cancelled.
    private func outcome(of source: GrammarSource, _ limit: CompilationLimit) -> Outcome? {
        do throws(GrammarError) {
            return .ready(try compile(source, limit))
        } catch {
            switch error {
            case .invalid(let reason): return .invalid(reason)
            case .timedOut: return .timedOut
            case .cancelled: return nil
            }
        }
    }
}

/// How a grammar is compiled; on the worker's thread.
package typealias GrammarCompilation =
    @Sendable (GrammarSource, CompilationLimit) throws(GrammarError) -> CompiledGrammar
