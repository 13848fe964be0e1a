import ApusJSON
import ApusRegex

/// BERT's cleaning: control characters away, white space to spaces, spaces around Chinese characters, accents
/// stripped, lower case; each as the options say.
struct BertNormalizer: Normalizer {
    let cleansText: Bool
    let spacesChinese: Bool
    let stripsAccents: Bool
    let lowercases: Bool

    init(_ options: StageOptions) throws(TextError) {
        cleansText = try options.flag("clean_text", default: true)
        spacesChinese = try options.flag("handle_chinese_chars", default: true)
        lowercases = try options.flag("lowercase", default: true)
        // Unset, it follows the case.
        let strip = options["strip_accents"] ?? .null
        stripsAccents = strip.isNull ? lowercases : try options.flag("strip_accents")
    }

    func normalize(_ text: inout [UInt8]) {
        if cleansText || spacesChinese { text = cleaned(text) }
        if stripsAccents {
            NormalizationForm.nfd.normalize(&text)
            let marks = UnicodeTables.nonspacingMarks
            text = text.transformingScalars { scalar, output in
                if !marks.contains(scalar) { output.append(scalar) }
            }
        }
        if lowercases { LowercaseNormalizer().normalize(&text) }
    }

    private func cleaned(_ text: [UInt8]) -> [UInt8] {
        let (controls, space) = (UnicodeTables.controls, UnicodeTables.whitespace)
        return text.transformingScalars { scalar, output in
            if cleansText {
                if controls.contains(scalar) { return }
                if space.contains(scalar) { return output.append(UInt8(ascii: " ")) }
            }
            guard spacesChinese, Self.isChinese(scalar.value) else { return output.append(scalar) }
            output.append(UInt8(ascii: " "))
            output.append(scalar)
            output.append(UInt8(ascii: " "))
        }
    }

    /// The blocks of CJK unified ideographs, as BERT lists them.
    private static func isChinese(_ code: UInt32) -> Bool {
        switch code {
        case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
            0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
            true
        default: false
        }
    }
}
