import Synchronization

/// The words that all threads of a tokenizer remember. None waits for another: a word is as quickly merged anew, and to ask a
/// mutex that is held costs a call of the system.
final class SharedWordCache: @unchecked Sendable {
    // @unchecked: the words are touched by the one thread that set `isTaken`.
    private let isTaken = Atomic(false)
    private var words = WordCache()

    /// nil: another thread has them.
    @discardableResult
    func withWords<Result>(_ body: (inout WordCache) -> Result) -> Result? {
        guard !isTaken.exchange(true, ordering: .acquiring) else { return nil }
        defer { isTaken.store(false, ordering: .releasing) }
        return body(&words)
    }
}
