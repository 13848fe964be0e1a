package import ApusRegex

/// Looks for a regular expression in text that arrives in pieces, as if Python's `re.search` were asked about all of the
/// text after each piece. Takes the same time for each character, whatever the pattern and however long the text.
package struct StopPattern: Sendable {
    package let pattern: String
    private let automaton: ScalarNFA
    /// States that the text so far can have led to, not closed, and the same before its last character.
    private var states = [ScalarNFA.start]
    private var statesBefore: [Int] = []
    private var last: UInt32?
    private var lastBefore: UInt32?

    /// States that one character may visit.
    private static let maximumSize = 2_000

    package init(_ pattern: String) throws(RegexError) {
        var parser = RegexParser(pattern, syntax: .python)
        let node = try parser.parse()
        guard node.size <= Self.maximumSize else {
            throw RegexError(pattern: pattern, what: "repetitions that multiply to too much", offset: 0)
        }
        self.pattern = pattern
        automaton = ScalarNFA(node)
    }

    /// Whether the text contains a match with this piece. Nothing may be appended after one.
    package mutating func append(_ piece: String) -> Bool {
        for scalar in piece.unicodeScalars {
            let open = automaton.closure(states, at: .init(before: last, after: scalar.value))
            if automaton.accepts(open) { return true }
            (statesBefore, lastBefore) = (states, last)
            // A match may begin anywhere.
            states = automaton.step(open, scalar.value) + [ScalarNFA.start]
            last = scalar.value
        }
        return endsHere(states)
    }

    /// A match ends at the end of the text, or before the line break that ends it.
    private func endsHere(_ states: [Int]) -> Bool {
        if automaton.accepts(automaton.closure(states, at: .init(before: last, after: nil))) { return true }
        guard let last, last == 10 else { return false }
        let open = automaton.closure(statesBefore, at: .init(before: lastBefore, after: last, isBeforeLast: true))
        return automaton.accepts(open)
            || automaton.accepts(automaton.closure(automaton.step(open, last), at: .init(before: last, after: nil)))
    }
}
