/// A parsed pattern.
package indirect enum RegexNode: Sendable {
    case empty
    case set(CodePointRanges)
    case sequence([RegexNode])
    case alternatives([RegexNode])
    case repeated(RegexNode, minimum: Int, maximum: Int?, RepeatKind)
    case lookahead(RegexNode, isNegative: Bool)
    /// `width`: the scalars that the node takes, always the same number.
    case lookbehind(RegexNode, width: Int, isNegative: Bool)
    case atomic(RegexNode)
    case assertion(Assertion)
    /// Remembers what it matched. Only of groups that something refers to; numbered from 1.
    case group(RegexNode, number: Int)
    /// What the group matched last, once more; fails if it matched nothing.
    case reference(group: Int, CaseRule)
    /// The first if the group has matched, else the second.
    case conditional(group: Int, RegexNode, RegexNode)

    package enum RepeatKind: Sendable { case greedy, lazy, possessive }

    /// Borders of lines and of the text; `\b` and `\B` concern `\w`.
    package enum Assertion: Int32, Sendable {
        case lineStart, lineEnd, textStart, textEnd, wordBorder, noWordBorder
        /// The end of the text, or before the line break that ends it: Python's `$`.
        case textEndOrLastBreak
        /// `\b` and `\B` where `\w` is ASCII.
        case asciiWordBorder, noASCIIWordBorder

        /// As patterns write it.
        package var name: String {
            switch self {
            case .lineStart: "^"
            case .lineEnd, .textEndOrLastBreak: "$"
            case .textStart: #"\A"#
            case .textEnd: #"\Z"#
            case .wordBorder, .asciiWordBorder: #"\b"#
            case .noWordBorder, .noASCIIWordBorder: #"\B"#
            }
        }
    }

    /// Which characters are equal when texts are compared.
    package enum CaseRule: Int32, Sendable { case exact, ignoresASCII, ignoresAll }
}

/// The dialects that patterns are written in.
package enum RegexSyntax: Sendable {
    /// Oniguruma's Ruby syntax, as far as tokenizers use it.
    case oniguruma
    /// Python's `re` with text patterns; characters have no names.
    case python
    /// The same without what looks back at groups, where a class such as `\d`, negated or not, has only members that Python and ECMAScript agree on:
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

    /// States of an automaton that has one for each set, repetitions written out, of nothing too; `Int.max` beyond all
    /// bounds.
    package var size: Int {
        switch self {
        case .empty, .assertion, .set, .reference: return 1
        case .sequence(let nodes), .alternatives(let nodes):
            let total = nodes.reduce(0) { total, node in
                let (sum, overflows) = total.addingReportingOverflow(node.size)
                return overflows ? .max : sum
            }
            return max(1, total)
        case .repeated(let node, let minimum, let maximum, _):
            let (product, overflows) = node.size.multipliedReportingOverflow(by: max(minimum, maximum ?? 0, 1))
            return overflows ? .max : product
        case .lookahead(let node, _), .lookbehind(let node, _, _), .atomic(let node), .group(let node, _):
            return node.size
        case .conditional(_, let node, let other): return RegexNode.sequence([node, other]).size
        }
    }

    /// Whether it is a regular expression in the strict sense, which needs no going back: `ScalarNFA` takes it.
    package var isRegular: Bool {
        switch self {
        case .empty, .set, .assertion, .lookahead(.set, _), .lookbehind(.set, _, _): true
        case .sequence(let nodes), .alternatives(let nodes): nodes.allSatisfy(\.isRegular)
        case .repeated(let node, _, _, let kind): kind != .possessive && node.isRegular
        case .lookahead, .lookbehind, .atomic, .group, .reference, .conditional: false
        }
    }

    /// The same without the groups that nothing refers to. What is looked for around a place is a set if it can be one.
    func simplified(keeping groups: Set<Int>) -> RegexNode {
        switch self {
        case .empty, .set, .assertion, .reference: return self
        case .sequence(let nodes): return .sequence(nodes.map { $0.simplified(keeping: groups) })
        case .alternatives(let nodes): return .alternatives(nodes.map { $0.simplified(keeping: groups) })
        case .repeated(let node, let minimum, let maximum, let kind):
            return .repeated(node.simplified(keeping: groups), minimum: minimum, maximum: maximum, kind)
        case .lookahead(let node, let isNegative):
            return .lookahead(node.simplified(keeping: groups).asSet, isNegative: isNegative)
        case .lookbehind(let node, let width, let isNegative):
            return .lookbehind(node.simplified(keeping: groups).asSet, width: width, isNegative: isNegative)
        case .atomic(let node): return .atomic(node.simplified(keeping: groups))
        case .group(let node, let number):
            let node = node.simplified(keeping: groups)
            return groups.contains(number) ? .group(node, number: number) : node
        case .conditional(let group, let node, let other):
            return .conditional(
                group: group, node.simplified(keeping: groups), other.simplified(keeping: groups))
        }
    }

    private var asSet: RegexNode { characters.map(RegexNode.set) ?? self }
}
