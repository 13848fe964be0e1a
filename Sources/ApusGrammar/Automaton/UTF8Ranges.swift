/// Ranges of bytes, one after the other, that together are the UTF-8 of a range of scalars.
enum UTF8Ranges {
    /// Every sequence of byte ranges of a set; each scalar's bytes lie in exactly one.
    static func sequences(of set: ScalarSet) -> [[ClosedRange<UInt8>]] {
        var sequences: [[ClosedRange<UInt8>]] = []
        for range in set.ranges {
            // Encodings of one length at a time.
            for bounds in [0...0x7F, 0x80...0x7FF, 0x800...0xFFFF, 0x10000...0x10FFFF] as [ClosedRange<UInt32>]
            where bounds.overlaps(range) {
                let part = range.clamped(to: bounds)
                split(encode(part.lowerBound)[...], encode(part.upperBound)[...], [], &sequences)
            }
        }
        return sequences
    }

    /// All byte strings from `low` to `high`, of one length and with continuation bytes behind the first byte.
    private static func split(
        _ low: ArraySlice<UInt8>, _ high: ArraySlice<UInt8>, _ prefix: [ClosedRange<UInt8>],
        _ sequences: inout [[ClosedRange<UInt8>]]
    ) {
        guard let first = low.first, let last = high.first else { return sequences.append(prefix) }
        let lowRest = low.dropFirst()
        let highRest = high.dropFirst()
        if first == last { return split(lowRest, highRest, prefix + [first...first], &sequences) }
        // The ends may cover their continuations in part; everything between covers them whole.
        var from = first
        var to = last
        let isLowWhole = lowRest.allSatisfy { $0 == 0x80 }
        let isHighWhole = highRest.allSatisfy { $0 == 0xBF }
        if !isLowWhole {
            split(lowRest, lowRest.map { _ in 0xBF }[...], prefix + [first...first], &sequences)
            from += 1
        }
        if !isHighWhole { to -= 1 }
        if from <= to {
            sequences.append(prefix + [from...to] + lowRest.map { _ in 0x80...0xBF })
        }
        if !isHighWhole {
            split(highRest.map { _ in 0x80 }[...], highRest, prefix + [last...last], &sequences)
        }
    }

    private static func encode(_ value: UInt32) -> [UInt8] {
        guard let scalar = Unicode.Scalar(value) else { preconditionFailure("a set holds a surrogate") }
        return Array(Character(scalar).utf8)
    }
}
