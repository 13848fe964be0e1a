import NIOConcurrencyHelpers

/// What was said so far in the conversations of a workload, turn by turn.
final class Conversations: Sendable {
    private struct Turn {
        /// Prompt and answer; nil: the answer is not known as ids, or as a text.
        var said: [Int]?
        var texts: [String]?
        var end: Double
    }

    private struct State {
        var turns: [Int: Turn] = [:]
        var waiting: [Int: CheckedContinuation<Turn, Never>] = [:]
    }

    private let state = NIOLockedValueBox(State())

    /// The request with what was said before it, and when its client could send it. Waits for the end of the turn
    /// before, which must have been begun.
    func next(_ request: BenchRequest) async -> (request: BenchRequest, ready: Double) {
        guard let previous = request.previous else { return (request, 0) }
        let turn = await withCheckedContinuation { continuation in
            let turn = state.withLockedValue { state -> Turn? in
                let turn = state.turns.removeValue(forKey: previous)
                if turn == nil { state.waiting[previous] = continuation }
                return turn
            }
            if let turn { continuation.resume(returning: turn) }
        }
        var request = request
        if let said = turn.said { request.tokens = said + request.question }
        if let texts = turn.texts { request.history = texts }
        return (request, turn.end)
    }

    /// The request at `index` of the workload, as it was sent, has been answered.
    func end(_ index: Int, _ request: BenchRequest, _ measured: Measurement) {
        let turn = Turn(
            said: measured.outputIDs.map { request.tokens + $0 },
            texts: measured.outputText.map { request.saidTexts + [$0] }, end: now())
        let continuation = state.withLockedValue { state in
            let continuation = state.waiting.removeValue(forKey: index)
            if continuation == nil { state.turns[index] = turn }
            return continuation
        }
        continuation?.resume(returning: turn)
    }
}
