/// Whole numbers as people write token counts: `4096`, `32k` (32,000), `25.6k`, `1M`, `32Ki` (32,768).
///
/// Suffixes are case-sensitive; decimals are allowed only with k, M, G and T, and are cut to a whole number.
enum HumanNumber {
    private static let multipliers: [String: Int] = [
        "": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000, "T": 1_000_000_000_000,
        "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
    ]

    /// nil when `text` is no such number or does not fit.
    static func parse(_ text: String) -> Int? {
        var digits = Substring(text)
        let isNegative = digits.first == "-"
        if isNegative { digits.removeFirst() }
        let suffix = String(digits.drop { $0.isASCII && ($0.isNumber || $0 == ".") })
        digits = digits.dropLast(suffix.count)
        guard let multiplier = multipliers[suffix] else { return nil }

        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard let whole = parts.first, let units = Int(whole), whole.first?.isNumber == true else { return nil }
        let (scaled, overflow) = units.multipliedReportingOverflow(by: multiplier)
        guard !overflow else { return nil }
        var value = scaled
        if parts.count == 2 {
            guard suffix.count == 1, let fraction = fraction(parts[1], of: multiplier) else { return nil }
            let (sum, overflow) = value.addingReportingOverflow(fraction)
            guard !overflow else { return nil }
            value = sum
        } else if parts.count > 2 {
            return nil
        }
        return isNegative ? -value : value
    }

    /// `digits` behind the decimal point, times `multiplier`, digit by digit so that nothing is rounded.
    private static func fraction(_ digits: Substring, of multiplier: Int) -> Int? {
        guard !digits.isEmpty else { return nil }
        var unit = multiplier
        var value = 0
        for character in digits {
            guard let digit = character.wholeNumberValue, character.isASCII else { return nil }
            unit /= 10
            value += digit * unit
        }
        return value
    }
}
