/// A parsed pattern.
package indirect enum RegexNode: Sendable {
    case empty
    case set(CodePointRanges)
    case sequence([RegexNode])
    case alternatives([RegexNode])
    case repeated(RegexNode, minimum: Int, maximum: Int?, RepeatKind)
    case lookahead(RegexNode, isNegative: Bool)
    case lookbehind(CodePointRanges, isNegative: Bool)
    case atomic(RegexNode)
    case assertion(Assertion)

    package enum RepeatKind: Sendable { case greedy, lazy, possessive }

    /// Borders of lines and of the text; `\b` and `\B` concern `\w`.
    package enum Assertion: Int32, Sendable {
        case lineStart, lineEnd, textStart, textEnd, wordBorder, noWordBorder
        /// The end of the text, or before the line break that ends it: Python's `$`.
        case textEndOrLastBreak

        /// As patterns write it.
        package var name: String {
            switch self {
            case .lineStart: "^"
            case .lineEnd, .textEndOrLastBreak: "$"
            case .textStart: #"\A"#
            case .textEnd: #"\Z"#
            case .wordBorder: #"\b"#
            case .noWordBorder: #"\B"#
            }
        }
    }
}

/// The dialects that patterns are written in.
package enum RegexSyntax: Sendable {
    /// Oniguruma's Ruby syntax, as far as tokenizers use it.
    case oniguruma
    /// Python's `re` with text patterns, less what looks back at groups, or around at more than one character.
    case python
    /// The same, where a class such as `\d`, negated or not, has only members that Python and ECMAScript agree on:
    /// JSON Schema means ECMAScript's patterns, and many validators use others. `\p{..}` is known too.
    case interoperable
    /// The same, where a class has all members that one of the two gives it: for texts that must not match.
    case permissive
}

/// Why a pattern is refused.
package struct RegexError: Error, Hashable, Sendable, CustomStringConvertible {
    package let pattern: String
    package let what: String
    /// In Unicode scalars.
    package let offset: Int

    package init(pattern: String, what: String, offset: Int) {
        self.pattern = pattern
        self.what = what
        self.offset = offset
    }

    /// Without the pattern.
    package var reason: String { "\(what) at character \(offset)" }

    package var description: String { "pattern \(pattern): \(reason)" }
}

extension RegexNode {
    /// What it matches, if that is always exactly one character.
    var characters: CodePointRanges? {
        switch self {
        case .set(let set): return set
        case .alternatives(let nodes):
            var union = CodePointRanges([] as [Range<UInt32>])
            for node in nodes {
                guard let set = node.characters else { return nil }
                union = union.union(set)
            }
            return union
        default: return nil
        }
    }

    /// States of an automaton that has one for each set, repetitions written out; `Int.max` beyond all bounds.
    package var size: Int {
        switch self {
        case .empty, .assertion: return 0
        case .set, .lookbehind: return 1
        case .sequence(let nodes), .alternatives(let nodes):
            return nodes.reduce(0) { total, node in
                let (sum, overflows) = total.addingReportingOverflow(node.size)
                return overflows ? .max : sum
            }
        case .repeated(let node, let minimum, let maximum, _):
            let (product, overflows) = node.size.multipliedReportingOverflow(by: max(minimum, maximum ?? 0, 1))
            return overflows ? .max : product
        case .lookahead(let node, _), .atomic(let node): return node.size
        }
    }
}
