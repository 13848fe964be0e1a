/// A context-free grammar over bytes: what every front end (JSON Schema, regular expressions, EBNF, structural tags)
/// writes, and what the automaton is built from.
package struct Grammar: Sendable, Hashable {
    /// A rule's place in `rules`.
    package struct RuleID: Sendable, Hashable {
        package let index: Int
    }

    /// A named body. The name is for messages only; it need not be unique.
    package struct Rule: Sendable, Hashable {
        package var name: String
        package var body: GrammarExpression
    }

    package private(set) var rules: [Rule] = []

    /// Where every accepted text starts.
    package var root: RuleID

    /// A grammar whose root accepts the empty text until it is defined.
    package init(rootName: String = "root") {
        root = RuleID(index: 0)
        rules.append(Rule(name: rootName, body: .empty))
    }

    /// A new rule that accepts the empty text until it is defined, so that rules may name one another.
    package mutating func declare(_ name: String) -> RuleID {
        rules.append(Rule(name: name, body: .empty))
        return RuleID(index: rules.count - 1)
    }

    /// Gives a declared rule its body.
    package mutating func define(_ rule: RuleID, as body: GrammarExpression) {
        rules[rule.index].body = body
    }

    package subscript(_ rule: RuleID) -> Rule { rules[rule.index] }
}

/// What a rule may produce.
package indirect enum GrammarExpression: Sendable, Hashable {
    /// The empty text.
    case empty
    /// Nothing at all: no text is accepted.
    case never
    /// These bytes.
    case bytes([UInt8])
    /// One Unicode scalar of the set, as UTF-8.
    case scalars(ScalarSet)
    /// One after the other.
    case sequence([GrammarExpression])
    /// Any one of these.
    case choice([GrammarExpression])
    /// `min` times or more, at most `max` times where there is one.
    case repetition(GrammarExpression, min: Int, max: Int?)
    /// What another rule produces.
    case rule(Grammar.RuleID)
    /// Any UTF-8 text, the empty one included, in which none of these byte strings occurs.
    case textWithout([[UInt8]])

    /// The UTF-8 bytes of a string.
    package static func text(_ text: String) -> GrammarExpression { .bytes(Array(text.utf8)) }

    /// Nothing, or this once.
    package static func optional(_ body: GrammarExpression) -> GrammarExpression {
        .repetition(body, min: 0, max: 1)
    }
}

/// A set of Unicode scalar values as sorted, disjoint, non-adjacent ranges; surrogates are never members.
package struct ScalarSet: Sendable, Hashable {
    package let ranges: [ClosedRange<UInt32>]

    /// The union of `ranges`, less the surrogates and what lies beyond U+10FFFF.
    package init(_ ranges: [ClosedRange<UInt32>]) {
        let halves = ranges.flatMap { range in
            [range.clamped(to: 0...0xD7FF), range.clamped(to: 0xE000...0x10FFFF)].filter { range.overlaps($0) }
        }
        var merged: [ClosedRange<UInt32>] = []
        for range in halves.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound <= last.upperBound &+ 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        self.ranges = merged
    }

    /// Every scalar value.
    package static let all = ScalarSet([0...0x10FFFF])

    /// Every scalar value that is not in this set.
    package var inverted: ScalarSet {
        var gaps: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { gaps.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        if next <= 0x10FFFF { gaps.append(next...0x10FFFF) }
        return ScalarSet(gaps)
    }

    package func contains(_ scalar: Unicode.Scalar) -> Bool {
        ranges.contains { $0.contains(scalar.value) }
    }
}
