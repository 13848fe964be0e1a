import ApusRegex

/// A search that keeps all states which the text so far can have led to.
struct AutomatonSearch: Sendable {
    private let automaton: ScalarNFA
    /// States that the text so far can have led to, not closed, and the same before its last character.
    private var states = [ScalarNFA.start]
    private var statesBefore: [Int] = []
    private var last: UInt32?
    private var lastBefore: UInt32?

    /// States that one character may visit, at most.
    static let maximumSize = 2_000
    /// What a state costs, in steps of a budget.
    private static let cost = 4

    /// `node`: regular, of `maximumSize` at most.
    init(_ node: RegexNode) { automaton = ScalarNFA(node) }

    mutating func append(_ piece: String, _ budget: inout StepBudget) -> StopPattern.Finding {
        for scalar in piece.unicodeScalars {
            let open = automaton.closure(states, at: .init(before: last, after: scalar.value))
            if automaton.accepts(open) { return .match }
            budget.spend(open.count * Self.cost)
            guard budget.left > 0 else { return .gaveUp }
            (statesBefore, lastBefore) = (states, last)
            // A match may begin anywhere.
            states = automaton.step(open, scalar.value) + [ScalarNFA.start]
            last = scalar.value
        }
        return endsHere() ? .match : .nothing
    }

    /// A match ends at the end of the text, or before the line break that ends it.
    private func endsHere() -> Bool {
        if automaton.accepts(automaton.closure(states, at: .init(before: last, after: nil))) { return true }
        guard let last, last == 10 else { return false }
        let open = automaton.closure(statesBefore, at: .init(before: lastBefore, after: last, isBeforeLast: true))
        return automaton.accepts(open)
            || automaton.accepts(automaton.closure(automaton.step(open, last), at: .init(before: last, after: nil)))
    }
}
