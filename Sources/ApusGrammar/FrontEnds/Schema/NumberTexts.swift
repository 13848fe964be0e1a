import ApusRegex

extension RegexNode {
    static func text(_ text: String) -> RegexNode {
        .sequence(text.unicodeScalars.map { .set(CodePointRanges([$0])) })
    }

    static func digits(_ range: ClosedRange<UInt8>) -> RegexNode {
        .set(CodePointRanges([UInt32(range.lowerBound) + 48..<UInt32(range.upperBound) + 49]))
    }

    static let never = RegexNode.alternatives([])

    static func repeating(_ node: RegexNode, _ range: ClosedRange<Int>) -> RegexNode {
        .repeated(node, minimum: range.lowerBound, maximum: range.upperBound, .greedy)
    }
}

/// Whole numbers without sign.
enum Digits {
    static let any = RegexNode.digits(0...9)

    /// From `low` to `high`, each without leading zeros and empty for 0.
    static func between(_ low: [UInt8], _ high: [UInt8]) -> RegexNode {
        guard low.count < high.count || (low.count == high.count && !high.lexicographicallyPrecedes(low)) else {
            return .never
        }
        var branches: [RegexNode] = low.isEmpty ? [.text("0")] : []
        for count in max(1, low.count)...max(1, high.count) where count <= high.count {
            let first = count == low.count ? low : [1] + [UInt8](repeating: 0, count: count - 1)
            let last = count == high.count ? high : [UInt8](repeating: 9, count: count)
            branches.append(sameLength(first[...], last[...]))
        }
        return .alternatives(branches)
    }

    private static func sameLength(_ low: ArraySlice<UInt8>, _ high: ArraySlice<UInt8>) -> RegexNode {
        guard let first = low.first, let last = high.first else { return .empty }
        let rest = low.count - 1
        if low.dropFirst().allSatisfy({ $0 == 0 }), high.dropFirst().allSatisfy({ $0 == 9 }) {
            return .sequence([.digits(first...last), .repeating(any, rest...rest)])
        }
        if first == last { return .sequence([.digits(first...first), sameLength(low.dropFirst(), high.dropFirst())]) }
        let nines = [UInt8](repeating: 9, count: rest)[...]
        let zeros = [UInt8](repeating: 0, count: rest)[...]
        var branches: [RegexNode] = [.sequence([.digits(first...first), sameLength(low.dropFirst(), nines)])]
        if first + 1 < last {
            branches.append(.sequence([.digits(first + 1...last - 1), .repeating(any, rest...rest)]))
        }
        branches.append(.sequence([.digits(last...last), sameLength(zeros, high.dropFirst())]))
        return .alternatives(branches)
    }
}

/// Numbers with fractions, without sign.
enum Fractions {
    /// Fifteen digits make a double that no other fifteen make: what is above a bound in decimal is so as a double.
    private static func room(_ bound: DecimalNumber) -> Int {
        max(bound.fraction.count, bound.whole.count <= 9 ? 6 : max(0, 15 - bound.whole.count))
    }

    static func atLeast(_ bound: DecimalNumber, isExclusive: Bool) -> RegexNode {
        let room = room(bound)
        let limit = [UInt8](repeating: 9, count: max(15, bound.whole.count + 1))
        let next = DecimalNumber(wholeDigits: bound.whole).successor.whole
        return .alternatives([
            .sequence([whole(bound), fraction(atLeast: bound.fraction, isExclusive, room)]),
            .sequence([
                Digits.between(next, limit),
                .repeating(.sequence([.text("."), .repeating(Digits.any, 1...6)]), 0...1),
            ]),
        ])
    }

    static func atMost(_ bound: DecimalNumber, isExclusive: Bool) -> RegexNode {
        let room = room(bound)
        var branches: [RegexNode] = [.sequence([whole(bound), fraction(atMost: bound.fraction, isExclusive, room)])]
        if !bound.whole.isEmpty {
            let previous = DecimalNumber(wholeDigits: bound.whole).negated.successor.magnitude.whole
            var parts = [Digits.between([], previous)]
            if room > 0 { parts.append(.repeating(.sequence([.text("."), .repeating(Digits.any, 1...room)]), 0...1)) }
            branches.append(.sequence(parts))
        }
        return .alternatives(branches)
    }

    private static func whole(_ bound: DecimalNumber) -> RegexNode {
        .text(bound.whole.isEmpty ? "0" : bound.whole.map(String.init).joined())
    }

    /// Behind the point, with it or empty: not less than `digits`.
    private static func fraction(atLeast digits: [UInt8], _ isExclusive: Bool, _ room: Int) -> RegexNode {
        func rest(_ digits: ArraySlice<UInt8>, _ room: Int) -> RegexNode {
            guard let first = digits.first else {
                guard isExclusive else { return .repeating(Digits.any, 0...max(0, room)) }
                guard room > 0 else { return .never }
                return .sequence([
                    .repeating(.digits(0...0), 0...(room - 1)), .digits(1...9),
                    .repeating(Digits.any, 0...max(0, room - 1)),
                ])
            }
            var branches: [RegexNode] = [.sequence([.digits(first...first), rest(digits.dropFirst(), room - 1)])]
            if first < 9 {
                branches.append(.sequence([.digits(first + 1...9), .repeating(Digits.any, 0...max(0, room - 1))]))
            }
            return .alternatives(branches)
        }
        if digits.isEmpty, !isExclusive {
            return room == 0
                ? .empty : .repeating(.sequence([.text("."), .repeating(Digits.any, 1...room)]), 0...1)
        }
        return .sequence([.text("."), rest(digits[...], room)])
    }

    /// Behind the point, with it or empty: not more than `digits`.
    private static func fraction(atMost digits: [UInt8], _ isExclusive: Bool, _ room: Int) -> RegexNode {
        /// At least one digit follows.
        func rest(_ digits: ArraySlice<UInt8>, _ room: Int) -> RegexNode {
            guard let first = digits.first else {
                return isExclusive || room < 1 ? .never : .repeating(.digits(0...0), 1...room)
            }
            var branches: [RegexNode] = []
            if first > 0 {
                branches.append(.sequence([.digits(0...first - 1), .repeating(Digits.any, 0...max(0, room - 1))]))
            }
            // An end before the last digit is less, since that is no zero; an end after it is equal.
            let canEnd = digits.count > 1 || !isExclusive
            let further = rest(digits.dropFirst(), room - 1)
            branches.append(
                .sequence([.digits(first...first), canEnd ? .repeating(further, 0...1) : further]))
            return .alternatives(branches)
        }
        if digits.isEmpty, isExclusive { return .never }
        return .repeating(.sequence([.text("."), rest(digits[...], room)]), 0...1)
    }
}

extension DecimalNumber {
    fileprivate init(wholeDigits: [UInt8]) {
        self = .zero
        whole = wholeDigits
    }
}

/// Numbers as texts, without exponents.
enum NumberTexts {
    private static let whole = RegexNode.alternatives([
        .text("0"), .sequence([.digits(1...9), .repeated(Digits.any, minimum: 0, maximum: nil, .greedy)]),
    ])
    private static let minus = RegexNode.repeating(.text("-"), 0...1)

    static let integer = RegexNode.sequence([minus, whole])

    static let number = RegexNode.sequence([
        integer,
        .repeating(
            .sequence([.text("."), .repeating(Digits.any, 1...JSONGrammarWriter.mostFractionDigits)]), 0...1),
    ])

    /// Those that are not whole. Sixteen digits are too many for some of them to remain so as doubles.
    static let fraction = RegexNode.sequence([
        minus, .alternatives([.text("0"), .sequence([.digits(1...9), .repeating(Digits.any, 0...8)])]), .text("."),
        .repeating(Digits.any, 0...5), .digits(1...9),
    ])

    /// All ways to write the number.
    static func spellings(of number: DecimalNumber) -> RegexNode {
        let zeros = RegexNode.repeated(.digits(0...0), minimum: 0, maximum: nil, .greedy)
        func text(_ digits: [UInt8]) -> RegexNode { .text(digits.map(String.init).joined()) }
        let sign: RegexNode = number.isZero ? minus : number.isNegative ? .text("-") : .empty
        let fraction: RegexNode =
            number.isWhole
            ? .repeating(.sequence([.text("."), zeros]), 0...1) : .sequence([.text("."), text(number.fraction), zeros])
        return .sequence([sign, number.whole.isEmpty ? .text("0") : text(number.whole), fraction])
    }
}
