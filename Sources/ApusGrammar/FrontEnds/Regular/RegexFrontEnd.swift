import ApusRegex

/// Regular expressions in Python's syntax: the whole text must match.
enum RegexFrontEnd {
    /// Longer patterns, in bytes, are refused.
    static let longestPattern = 128 << 10

    static func grammar(_ pattern: String, _ limit: CompilationLimit) throws(GrammarError) -> Grammar {
        let node = try parse(pattern, .python, limit).anchored(isSearch: false)
        var grammar = Grammar()
        grammar.define(grammar.root, as: try node.expression(limit) { .scalars(ScalarSet($0)) })
        return try grammar.pruned(limit)
    }

    static func parse(
        _ pattern: String, _ syntax: RegexSyntax, _ limit: CompilationLimit
    ) throws(GrammarError) -> RegexNode {
        guard pattern.utf8.count <= longestPattern else {
            throw .invalid("the pattern is longer than \(longestPattern) bytes")
        }
        var parser = RegexParser(pattern, syntax: syntax) { limit.isOver }
        do throws(RegexError) {
            return try parser.parse()
        } catch {
            try limit.check()
            throw .invalid("\(error)")
        }
    }
}

extension ScalarSet {
    init(_ set: CodePointRanges) {
        self.init(set.ranges.map { $0.lowerBound...($0.upperBound - 1) })
    }
}

extension RegexNode {
    /// States that a matcher needs at most; beyond this a pattern is refused.
    static let maximumSize = 50_000

    /// What the pattern matches, as an expression; lazy is as good as greedy where all of the text counts.
    /// - Parameter encode: how a scalar of a set is written.
    func expression(
        _ limit: CompilationLimit, _ encode: (CodePointRanges) -> GrammarExpression
    ) throws(GrammarError) -> GrammarExpression {
        try checkSize()
        return try translated(limit, encode)
    }

    func checkSize() throws(GrammarError) {
        guard size <= Self.maximumSize else { throw .invalid("the pattern's repetitions multiply to too much") }
    }

    private func translated(
        _ limit: CompilationLimit, _ encode: (CodePointRanges) -> GrammarExpression
    ) throws(GrammarError) -> GrammarExpression {
        try limit.check()
        switch self {
        case .empty: return .empty
        case .set(let set): return encode(set)
        case .sequence(let nodes):
            var parts: [GrammarExpression] = []
            for node in nodes { parts.append(try node.translated(limit, encode)) }
            return .joined(parts)
        case .alternatives(let nodes):
            var branches: [GrammarExpression] = []
            for node in nodes { branches.append(try node.translated(limit, encode)) }
            return .any(of: branches)
        case .repeated(let node, let minimum, let maximum, let kind) where kind != .possessive:
            return .repeated(try node.translated(limit, encode), min: minimum, max: maximum)
        default: throw notRegular
        }
    }

    /// Why the node cannot be part of a grammar.
    var notRegular: GrammarError {
        switch self {
        case .assertion(let assertion):
            switch assertion {
            case .wordBorder, .noWordBorder: .invalid("the word border \(assertion.name) in a pattern")
            default: .invalid("the anchor \(assertion.name) inside a pattern")
            }
        case .lookahead: .invalid("look-ahead in a pattern")
        case .lookbehind: .invalid("look-behind in a pattern")
        case .group, .reference: .invalid("a back reference in a pattern")
        case .conditional: .invalid("a condition (?( in a pattern")
        case .repeated: .invalid("a possessive repetition in a pattern")
        default: .invalid("an atomic group in a pattern")
        }
    }
}
