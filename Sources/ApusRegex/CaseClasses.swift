/// Characters that Python's `re` takes for equal where case is ignored: those whose lower cases are equal or, being of one
/// upper case, stand for each other.
package enum CaseClasses {
    /// Lower-case characters with the same upper case, of Unicode 14 (Python's `re._casefix`).
    private static let equalLowers: [[UInt32]] = [
        [0x69, 0x131], [0x73, 0x17F], [0xB5, 0x3BC], [0x345, 0x3B9, 0x1FBE], [0x390, 0x1FD3], [0x3B0, 0x1FE3],
        [0x3B2, 0x3D0], [0x3B5, 0x3F5], [0x3B8, 0x3D1], [0x3BA, 0x3F0], [0x3C0, 0x3D6], [0x3C1, 0x3F1],
        [0x3C2, 0x3C3], [0x3C6, 0x3D5], [0x432, 0x1C80], [0x434, 0x1C81], [0x43E, 0x1C82], [0x441, 0x1C83],
        [0x442, 0x1C84, 0x1C85], [0x44A, 0x1C86], [0x463, 0x1C87], [0x1C88, 0xA64B], [0x1E61, 0x1E9B],
        [0xFB05, 0xFB06],
    ]

    /// Of a lower case that has several characters the first counts.
    private static let lowers: [UInt32: UInt32] = UnicodeTables.readMappings(UnicodeData.lowercase)
        .compactMapValues { $0.first?.value }

    private static let classes: [[UInt32]] = {
        var members: [UInt32: Set<UInt32>] = [:]
        for (code, lower) in lowers { members[lower, default: [lower]].insert(code) }
        for equals in equalLowers {
            let all = equals.reduce(into: Set(equals)) { $0.formUnion(members[$1] ?? []) }
            for code in equals { members[code] = code == equals[0] ? all : nil }
        }
        return members.values.map { $0.sorted() }
    }()

    private static let classOfCode: [UInt32: Int] = {
        var result: [UInt32: Int] = [:]
        for (index, members) in classes.enumerated() {
            for code in members { result[code] = index }
        }
        return result
    }()

    package static func lower(_ code: UInt32) -> UInt32 { lowers[code] ?? code }

    /// Only letters of ASCII have a lower case here.
    package static func asciiLower(_ code: UInt32) -> UInt32 { (65...90).contains(code) ? code + 32 : code }

    /// The set and all that is equal to a member of it.
    static func closed(_ set: CodePointRanges) -> CodePointRanges {
        if let code = set.single { return classOfCode[code].map { of(classes[$0]) } ?? set }
        return set.union(of(classes.filter { $0.contains(where: set.contains) }.flatMap { $0 }))
    }

    /// The same where only letters of ASCII are equal to others.
    static func asciiClosed(_ set: CodePointRanges) -> CodePointRanges {
        let letters = (97...122 as ClosedRange<UInt32>).filter { set.contains($0) || set.contains($0 - 32) }
        return set.union(of(letters + letters.map { $0 - 32 }))
    }

    private static func of(_ codes: [UInt32]) -> CodePointRanges { CodePointRanges(codes.map { $0..<$0 + 1 }) }
}
