package import ApusRegex

/// Looks for a regular expression in text that arrives in pieces, as if Python's `re.search` were asked about all of the
/// text after each piece.
///
/// Strictly regular expressions are followed by an automaton, whose work for each character depends on the pattern alone.
/// Others, with back references or longer looks around, are tried as Python does it, at those places only where the text
/// so far has not decided.
package struct StopPattern: Sendable {
    package enum Finding: Sendable {
        case nothing, match
        /// The budget does not allow finding out.
        case gaveUp
    }

    private enum Search: Sendable {
        case automaton(AutomatonSearch)
        /// The search is in other hands, which alone hold it: appending copies nothing.
        case lent
        case backtracking(BacktrackingSearch)
    }

    package let pattern: String
    private var search: Search

    package init(_ pattern: String) throws(RegexError) {
        self.pattern = pattern
        var parser = RegexParser(pattern, syntax: .python)
        let node = try parser.parse()
        if node.isRegular, node.size <= AutomatonSearch.maximumSize {
            search = .automaton(AutomatonSearch(node))
        } else {
            search = .backtracking(BacktrackingSearch(try Regex(node, of: pattern, isPython: true)))
        }
    }

    /// Whether the text contains a match with this piece. Nothing may be appended after one.
    package mutating func append(_ piece: String, _ budget: inout StepBudget) -> Finding {
        switch search {
        case .automaton(var automaton):
            search = .lent
            defer { search = .automaton(automaton) }
            return automaton.append(piece, &budget)
        case .backtracking(var backtracking):
            search = .lent
            defer { search = .backtracking(backtracking) }
            return backtracking.append(piece, &budget)
        case .lent: preconditionFailure("a piece is appended while another is")
        }
    }
}

/// The work that the patterns of one request may make: a little with each token, and what tokens before did not need.
/// Patterns can take time exponential in the length of the text, and one thread serves every stream.
package struct StepBudget: Sendable {
    /// Steps, each of some nanoseconds.
    package private(set) var left = 1_000_000

    private static let most = 1_000_000
    private static let grant = 50_000

    package init() {}

    /// To be called with each token.
    package mutating func grow() { left = min(left + Self.grant, Self.most) }

    mutating func spend(_ steps: Int) { left -= steps }
}
