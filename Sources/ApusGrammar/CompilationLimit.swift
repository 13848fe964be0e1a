import ApusCore
import Synchronization

/// What one compilation may take: time until a deadline, states as a measure of memory, and the patience of those who
/// wait. Asked now and then by everything that can run long.
package final class CompilationLimit: Sendable {
    /// States of all machines that are built on the way.
    package static let stateCount = 400_000
    private let stateCount: Int

    /// Seconds of `Clocks.monotonic`.
    private let deadline: Double
    private let isCancelled = Atomic(false)
    private let states = Atomic(0)

    /// `seconds`: from now on.
    package init(seconds: Double = .infinity, states: Int = stateCount) {
        stateCount = states
        deadline = Clocks.monotonic() + seconds
    }

    /// Makes the next `check` throw. From any thread.
    package func cancel() { isCancelled.store(true, ordering: .relaxed) }

    package func check() throws(GrammarError) {
        if isCancelled.load(ordering: .relaxed) { throw .cancelled }
        if Clocks.monotonic() > deadline { throw .timedOut }
    }

    /// `check` would throw.
    var isOver: Bool { isCancelled.load(ordering: .relaxed) || Clocks.monotonic() > deadline }

    /// Counts states that were made, and checks now and then.
    func spend(_ count: Int) throws(GrammarError) {
        let before = states.wrappingAdd(count, ordering: .relaxed).oldValue
        guard before + count <= stateCount else { throw .invalid("the grammar is too large") }
        if before / 1024 != (before + count) / 1024 { try check() }
    }
}
