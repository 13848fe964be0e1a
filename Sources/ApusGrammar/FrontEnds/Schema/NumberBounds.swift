import ApusRegex

/// What keywords say about numbers.
struct NumberBounds: Sendable, Hashable {
    struct Bound: Sendable, Hashable {
        var value: DecimalNumber
        var isExclusive: Bool
    }

    var lower: Bound?
    var upper: Bound?
    /// Numbers that divide, combined; nil: any.
    var modulus: Int?

    mutating func raise(to bound: Bound) {
        guard let lower, (lower.value, lower.isExclusive ? 1 : 0) >= (bound.value, bound.isExclusive ? 1 : 0) else {
            self.lower = bound
            return
        }
    }

    mutating func reduce(to bound: Bound) {
        guard let upper, (upper.value, upper.isExclusive ? 0 : 1) <= (bound.value, bound.isExclusive ? 0 : 1) else {
            self.upper = bound
            return
        }
    }

    /// No number is between the bounds.
    var isEmpty: Bool {
        guard let lower, let upper else { return false }
        return lower.value > upper.value || (lower.value == upper.value && (lower.isExclusive || upper.isExclusive))
    }

    var isFree: Bool { lower == nil && upper == nil && modulus == nil }

    func contains(_ number: DecimalNumber) -> Bool {
        if let lower, lower.isExclusive ? number <= lower.value : number < lower.value { return false }
        if let upper, upper.isExclusive ? number >= upper.value : number > upper.value { return false }
        guard let modulus else { return true }
        guard number.isWhole else { return false }
        return number.whole.reduce(0) { ($0 * 10 + Int($1)) % modulus } == 0
    }

    // MARK: Texts

    /// Whole numbers within the bounds, in plain digits.
    var integers: RegexNode {
        let least = lower.map { $0.value.ceiling(exclusive: $0.isExclusive) }
        let most = upper.map { $0.value.floor(exclusive: $0.isExclusive) }
        let limit = [UInt8](repeating: 9, count: JSONGrammarWriter.mostDigits)
        var branches: [RegexNode] = []
        if !(most?.isNegative ?? false) {
            let from = least.map { $0.isNegative ? [] : $0.whole } ?? []
            branches.append(Digits.between(from, most?.whole ?? Self.wider(limit, from)))
        }
        if least?.isNegative ?? true {
            let from: [UInt8] = most.map { $0.isNegative ? $0.whole : [1] } ?? [1]
            let negative = Digits.between(from, least?.whole ?? Self.wider(limit, from))
            branches.append(.sequence([.text("-"), negative]))
        }
        return .alternatives(branches)
    }

    /// A bound for what has none, beyond the one that there is.
    private static func wider(_ limit: [UInt8], _ other: [UInt8]) -> [UInt8] {
        other.count < limit.count ? limit : [UInt8](repeating: 9, count: other.count + 1)
    }

    /// Numbers not below the lower bound, without exponents.
    var notBelow: RegexNode? {
        lower.map { lower in
            if lower.value.isNegative {
                return .alternatives([
                    Fractions.atLeast(.zero, isExclusive: false),
                    .sequence([
                        .text("-"), Fractions.atMost(lower.value.magnitude, isExclusive: lower.isExclusive),
                    ]),
                ])
            }
            return Fractions.atLeast(lower.value, isExclusive: lower.isExclusive)
        }
    }

    /// Numbers not above the upper bound, without exponents.
    var notAbove: RegexNode? {
        upper.map { upper in
            if upper.value.isNegative {
                return .sequence([
                    .text("-"), Fractions.atLeast(upper.value.magnitude, isExclusive: upper.isExclusive),
                ])
            }
            let isBelowZero = upper.value.isZero && upper.isExclusive
            return .alternatives([
                Fractions.atMost(upper.value, isExclusive: upper.isExclusive),
                .sequence([.text("-"), Fractions.atLeast(.zero, isExclusive: isBelowZero)]),
            ])
        }
    }
}
