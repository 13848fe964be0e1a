import ApusJSON

/// A number as decimal digits, exact.
struct DecimalNumber: Sendable, Hashable {
    var isNegative: Bool
    /// 0 ... 9, without leading zeros; empty for 0.
    var whole: [UInt8]
    /// 0 ... 9, without trailing zeros.
    var fraction: [UInt8]

    static let zero = DecimalNumber(isNegative: false, whole: [], fraction: [])

    private init(isNegative: Bool, whole: [UInt8], fraction: [UInt8]) {
        self.whole = Array(whole.drop { $0 == 0 })
        self.fraction = Array(fraction.reversed().drop { $0 == 0 }.reversed())
        self.isNegative = isNegative && !(self.whole.isEmpty && self.fraction.isEmpty)
    }

    /// nil: no number.
    init?(_ value: JSONValue) {
        let text: String
        switch value {
        case .integer(let number): text = String(number)
        case .double(let number) where number.isFinite: text = number.description
        default: return nil
        }
        let parts = text.split(whereSeparator: { $0 == "e" || $0 == "E" })
        let mantissa = parts[0].split(separator: ".")
        func digits(_ text: Substring) -> [UInt8] { text.utf8.compactMap { (48...57).contains($0) ? $0 - 48 : nil } }
        var whole = digits(mantissa[0])
        var fraction = mantissa.count > 1 ? digits(mantissa[1]) : []
        let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        if exponent > 0 {
            fraction += Array(repeating: 0, count: max(0, exponent - fraction.count))
            whole += fraction.prefix(exponent)
            fraction.removeFirst(exponent)
        } else if exponent < 0 {
            whole = Array(repeating: 0, count: max(0, -exponent - whole.count)) + whole
            fraction = whole.suffix(-exponent) + fraction
            whole.removeLast(-exponent)
        }
        self.init(isNegative: text.hasPrefix("-"), whole: whole, fraction: fraction)
    }

    var isWhole: Bool { fraction.isEmpty }
    var isZero: Bool { whole.isEmpty && fraction.isEmpty }

    var magnitude: DecimalNumber { DecimalNumber(isNegative: false, whole: whole, fraction: fraction) }

    /// The number of that whole part whose magnitude is greater by one.
    private var awayFromZero: DecimalNumber {
        var digits = whole
        var index = digits.count - 1
        while index >= 0, digits[index] == 9 {
            digits[index] = 0
            index -= 1
        }
        if index < 0 { digits.insert(1, at: 0) } else { digits[index] += 1 }
        return DecimalNumber(isNegative: isNegative, whole: digits, fraction: [])
    }

    private var truncated: DecimalNumber { DecimalNumber(isNegative: isNegative, whole: whole, fraction: []) }

    /// The least whole number that is not less; greater, if `exclusive`.
    func ceiling(exclusive: Bool) -> DecimalNumber {
        if isWhole { return exclusive ? successor : self }
        return isNegative ? truncated : awayFromZero
    }

    /// The greatest whole number that is not greater; less, if `exclusive`.
    func floor(exclusive: Bool) -> DecimalNumber { negated.ceiling(exclusive: exclusive).negated }

    var negated: DecimalNumber { DecimalNumber(isNegative: !isNegative, whole: whole, fraction: fraction) }

    /// Of a whole number: the next.
    var successor: DecimalNumber {
        guard isNegative else { return awayFromZero }
        var digits = whole
        var index = digits.count - 1
        while digits[index] == 0 {
            digits[index] = 9
            index -= 1
        }
        digits[index] -= 1
        return DecimalNumber(isNegative: true, whole: digits, fraction: [])
    }
}

extension DecimalNumber: Comparable {
    static func < (left: DecimalNumber, right: DecimalNumber) -> Bool {
        if left.isNegative != right.isNegative { return left.isNegative }
        if left.isNegative { return right.magnitude < left.magnitude }
        if left.whole.count != right.whole.count { return left.whole.count < right.whole.count }
        if left.whole != right.whole { return left.whole.lexicographicallyPrecedes(right.whole) }
        return left.fraction.lexicographicallyPrecedes(right.fraction)
    }
}
