import ApusRegex

/// Unicode normalisation forms (UAX 15) over the tables of the reference library.
enum NormalizationForm: Sendable {
    case nfc, nfd, nfkc, nfkd

    var isComposed: Bool { self == .nfc || self == .nfkc }
    var isCompatibility: Bool { self == .nfkc || self == .nfkd }

    func normalize(_ text: inout [UInt8]) {
        // Below U+0300 nothing composes; below U+00A0 nothing decomposes.
        let limit: UInt8 = self == .nfc ? 0xCC : 0x80
        guard text.contains(where: { $0 >= limit }) else { return }
        var scalars: [Scalar] = []
        scalars.reserveCapacity(text.count)
        text.withUnsafeBufferPointer { bytes in
            var offset = 0
            while offset < bytes.count {
                let (code, next) = bytes.scalar(at: offset)
                decompose(code, into: &scalars)
                offset = next
            }
        }
        order(&scalars)
        if isComposed { compose(&scalars) }
        text.removeAll(keepingCapacity: true)
        for scalar in scalars { text.append(Unicode.Scalar(scalar.code)!) }
    }

    private struct Scalar {
        var code: UInt32
        var combiningClass: UInt8
    }

    /// Appends the full decomposition of `code`.
    private func decompose(_ code: UInt32, into scalars: inout [Scalar]) {
        if code < 0x80 {
            scalars.append(Scalar(code: code, combiningClass: 0))
        } else if Hangul.syllables.contains(code) {
            let index = code - Hangul.syllables.lowerBound
            let final = index % 28
            scalars.append(Scalar(code: Hangul.leading + index / 588, combiningClass: 0))
            scalars.append(Scalar(code: Hangul.vowel + index % 588 / 28, combiningClass: 0))
            if final > 0 { scalars.append(Scalar(code: Hangul.trailing + final, combiningClass: 0)) }
        } else if isCompatibility, let image = NormalizationData.compatibility[code] {
            for scalar in image { append(scalar.value, to: &scalars) }
        } else if let image = NormalizationData.canonical[code] {
            for scalar in image { append(scalar.value, to: &scalars) }
        } else {
            append(code, to: &scalars)
        }
    }

    private func append(_ code: UInt32, to scalars: inout [Scalar]) {
        let combiningClass = code < 0x300 ? 0 : NormalizationData.combiningClasses[code] ?? 0
        scalars.append(Scalar(code: code, combiningClass: combiningClass))
    }

    /// Sorts each run of marks by combining class, equal ones as they stood.
    private func order(_ scalars: inout [Scalar]) {
        var start = 0
        while start < scalars.count {
            var end = start + 1
            if scalars[start].combiningClass > 0 {
                var isSorted = true
                while end < scalars.count, scalars[end].combiningClass > 0 {
                    isSorted = isSorted && scalars[end - 1].combiningClass <= scalars[end].combiningClass
                    end += 1
                }
                if !isSorted {
                    let sorted = scalars[start..<end].enumerated().sorted {
                        ($0.element.combiningClass, $0.offset) < ($1.element.combiningClass, $1.offset)
                    }
                    scalars.replaceSubrange(start..<end, with: sorted.map(\.element))
                }
            }
            start = end
        }
    }

    private func compose(_ scalars: inout [Scalar]) {
        var starter: Int?
        var lastClass: UInt8 = 0
        var length = 0
        for index in scalars.indices {
            let scalar = scalars[index]
            if let start = starter {
                let isAdjacent = length == start + 1
                if isAdjacent || lastClass < scalar.combiningClass,
                    let composed = composition(scalars[start].code, scalar.code)
                {
                    scalars[start].code = composed
                    continue
                }
            }
            if scalar.combiningClass == 0 { starter = length }
            lastClass = scalar.combiningClass
            scalars[length] = scalar
            length += 1
        }
        scalars.removeSubrange(length...)
    }

    private func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if (Hangul.leading..<Hangul.leading + 19).contains(first), (Hangul.vowel..<Hangul.vowel + 21).contains(second) {
            return Hangul.syllables.lowerBound + ((first - Hangul.leading) * 21 + second - Hangul.vowel) * 28
        }
        if Hangul.syllables.contains(first), (first - Hangul.syllables.lowerBound) % 28 == 0,
            (Hangul.trailing + 1..<Hangul.trailing + 28).contains(second)
        {
            return first + second - Hangul.trailing
        }
        return NormalizationData.compositions[UInt64(first) << 32 | UInt64(second)]
    }
}

/// Hangul syllables are composed by arithmetic (Unicode standard, section 3.12).
private enum Hangul {
    static let syllables: Range<UInt32> = 0xAC00..<0xD7A4
    static let leading: UInt32 = 0x1100
    static let vowel: UInt32 = 0x1161
    /// One before the first trailing consonant.
    static let trailing: UInt32 = 0x11A7
}

private enum NormalizationData {
    static let canonical = UnicodeTables.readMappings(UnicodeData.canonicalDecompositions)
    static let compatibility = UnicodeTables.readMappings(UnicodeData.compatibilityDecompositions)

    static let combiningClasses: [UInt32: UInt8] = {
        var result: [UInt32: UInt8] = [:]
        var reader = UnicodeTables.NumberReader(UnicodeData.combiningClasses)
        var code: UInt32 = 0
        while let distance = reader.next(), let value = reader.next() {
            code += distance
            result[code] = UInt8(value)
        }
        return result
    }()

    /// Pairs that compose, keyed first << 32 | second. A code point's pair is what its full decomposition less the last
    /// scalar composes to, and that scalar.
    static let compositions: [UInt64: UInt32] = {
        var composite: [[Unicode.Scalar]: UInt32] = [:]
        var reader = UnicodeTables.NumberReader(UnicodeData.compositions)
        var code: UInt32 = 0
        while let distance = reader.next() {
            code += distance
            composite[canonical[code] ?? []] = code
        }
        var result: [UInt64: UInt32] = [:]
        for (parts, code) in composite {
            let head = parts.count == 2 ? parts[0].value : composite[Array(parts.dropLast())]
            guard let head, let last = parts.last else { preconditionFailure("no pair composes to \(code)") }
            result[UInt64(head) << 32 | UInt64(last.value)] = code
        }
        return result
    }()
}
