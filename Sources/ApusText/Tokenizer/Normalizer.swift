import ApusJSON
import ApusRegex

/// A rewriting of the text before it is split. Stages have Hugging Face's names.
protocol Normalizer: Sendable {
    /// `text` is valid UTF-8 and stays so.
    func normalize(_ text: inout [UInt8])
}

enum Normalizers {
    static func make(_ json: JSONValue) throws(TextError) -> any Normalizer {
        let options = try StageOptions(json, stage: "normalizer")
        switch options.type {
        case "Sequence":
            var stages: [any Normalizer] = []
            for stage in try options.list("normalizers") { stages.append(try make(stage)) }
            return SequenceNormalizer(stages: stages)
        case "NFC": return UnicodeNormalizer(form: .nfc)
        case "NFD": return UnicodeNormalizer(form: .nfd)
        case "NFKC": return UnicodeNormalizer(form: .nfkc)
        case "NFKD": return UnicodeNormalizer(form: .nfkd)
        case "Lowercase": return LowercaseNormalizer()
        case "StripAccents": return StripAccentsNormalizer()
        case "Strip":
            return StripNormalizer(left: try options.flag("strip_left"), right: try options.flag("strip_right"))
        case "Prepend": return PrependNormalizer(prefix: Array(try options.string("prepend").utf8))
        case "Replace":
            return ReplaceNormalizer(
                pattern: try StagePattern(options["pattern"]), content: Array(try options.string("content").utf8))
        case "BertNormalizer": return try BertNormalizer(options)
        case "ByteLevel": return ByteLevelNormalizer()
        case "Precompiled": return try PrecompiledNormalizer(base64: try options.string("precompiled_charsmap"))
        default: throw .unsupported("normalizer \(options.type)")
        }
    }
}

struct SequenceNormalizer: Normalizer {
    let stages: [any Normalizer]

    func normalize(_ text: inout [UInt8]) {
        for stage in stages { stage.normalize(&text) }
    }
}

struct UnicodeNormalizer: Normalizer {
    let form: NormalizationForm

    func normalize(_ text: inout [UInt8]) { form.normalize(&text) }
}

/// Lower case scalar by scalar, without regard to context.
struct LowercaseNormalizer: Normalizer {
    func normalize(_ text: inout [UInt8]) {
        let table = UnicodeTables.lowercase
        text = text.transformingScalars { scalar, output in
            switch scalar {
            case "A"..."Z": output.append(UInt8(scalar.value) | 0x20)
            case "\0"..."\u{7F}": output.append(UInt8(scalar.value))
            default:
                guard let image = table[scalar.value] else { return output.append(scalar) }
                for scalar in image { output.append(scalar) }
            }
        }
    }
}

/// Removes combining marks; of use after a decomposing form.
struct StripAccentsNormalizer: Normalizer {
    func normalize(_ text: inout [UInt8]) {
        let marks = UnicodeTables.combiningMarks
        text = text.transformingScalars { scalar, output in
            if !marks.contains(scalar) { output.append(scalar) }
        }
    }
}

/// Removes white space from the ends.
struct StripNormalizer: Normalizer {
    let left: Bool
    let right: Bool

    func normalize(_ text: inout [UInt8]) {
        let space = UnicodeTables.whitespace
        let kept = text.withUnsafeBufferPointer { bytes in
            var start = 0
            while left, start < bytes.count, space.contains(bytes.scalar(at: start).code) {
                start = bytes.scalar(at: start).next
            }
            var end = bytes.count
            while right, end > start, space.contains(bytes.scalar(at: bytes.offset(before: end)).code) {
                end = bytes.offset(before: end)
            }
            return start..<end
        }
        if kept.count < text.count { text = Array(text[kept]) }
    }
}

struct PrependNormalizer: Normalizer {
    let prefix: [UInt8]

    func normalize(_ text: inout [UInt8]) {
        if !text.isEmpty { text.insert(contentsOf: prefix, at: 0) }
    }
}

struct ReplaceNormalizer: Normalizer {
    let pattern: StagePattern
    let content: [UInt8]

    func normalize(_ text: inout [UInt8]) {
        let matches = text.withUnsafeBufferPointer { pattern.matches(in: $0) }
        guard !matches.isEmpty else { return }
        var output: [UInt8] = []
        output.reserveCapacity(text.count + matches.count * content.count)
        var end = 0
        for match in matches {
            output += text[end..<match.lowerBound]
            output += content
            end = match.upperBound
        }
        output += text[end...]
        text = output
    }
}

/// Bytes as the printable characters that stand for them in byte-level vocabularies.
struct ByteLevelNormalizer: Normalizer {
    func normalize(_ text: inout [UInt8]) {
        var output: [UInt8] = []
        output.reserveCapacity(text.count * 2)
        for byte in text { ByteLevelAlphabet.append(byte, to: &output) }
        text = output
    }
}
