/// General categories, in the order in which `UnicodeData` numbers them.
enum GeneralCategories {
    static let names = [
        "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf",
        "Po",
        "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cs",
    ]
}

/// `UnicodeData`, read: each number is written in groups of five bits, lowest first, a character from '#' on for each
/// group (the backslash left out), whose sixth bit says that more follow. Each table is read when first used.
package enum UnicodeTables {
    /// White_Space, the same in every library concerned.
    package static let whitespaceRanges = CodePointRanges([
        0x09..<0x0E, 0x20..<0x21, 0x85..<0x86, 0xA0..<0xA1, 0x1680..<0x1681, 0x2000..<0x200B, 0x2028..<0x202A,
        0x202F..<0x2030, 0x205F..<0x2060, 0x3000..<0x3001,
    ])

    /// Oniguruma's `\w`.
    package static let patternWords = readSet(UnicodeData.patternWords)

    /// The code points of which `name` is the category (`Lu`), or the beginning of it (`L`); nil for another name.
    package static func category(_ name: String) -> CodePointRanges? {
        let chosen = GeneralCategories.names.filter { $0.hasPrefix(name) }
        guard !name.isEmpty, !chosen.isEmpty else { return nil }
        return CodePointRanges(chosen.flatMap { categories[$0] ?? [] })
    }

    private static let categories: [String: [Range<UInt32>]] = {
        var result: [String: [Range<UInt32>]] = [:]
        var reader = NumberReader(UnicodeData.categories)
        var start: UInt32 = 0
        while let index = reader.next(), let length = reader.next() {
            result[GeneralCategories.names[Int(index)], default: []].append(start..<start + length)
            start += length
        }
        return result
    }()

    package static func readSet(_ data: StaticString) -> CodePointRanges {
        var ranges: [Range<UInt32>] = []
        var reader = NumberReader(data)
        var start: UInt32 = 0
        while let outside = reader.next(), let inside = reader.next() {
            ranges.append(start + outside..<start + outside + inside)
            start += outside + inside
        }
        return CodePointRanges(ranges)
    }

    package static func readMappings(_ data: StaticString) -> [UInt32: [Unicode.Scalar]] {
        var result: [UInt32: [Unicode.Scalar]] = [:]
        var reader = NumberReader(data)
        var code: UInt32 = 0
        while let distance = reader.next(), let count = reader.next() {
            code += distance
            result[code] = (0..<count).compactMap { _ in reader.next().flatMap(Unicode.Scalar.init) }
        }
        return result
    }

    package struct NumberReader {
        private let data: StaticString
        private var offset = 0

        package init(_ data: StaticString) { self.data = data }

        package mutating func next() -> UInt32? {
            var number: UInt32 = 0
            var shift: UInt32 = 0
            while offset < data.utf8CodeUnitCount {
                let code = data.utf8Start[offset]
                offset += 1
                guard code >= 35 else { continue }  // the line breaks
                let group = UInt32(code > 92 ? code - 36 : code - 35)
                number |= (group & 31) << shift
                shift += 5
                if group & 32 == 0 { return number }
            }
            return nil
        }
    }
}
