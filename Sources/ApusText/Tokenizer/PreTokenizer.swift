import ApusJSON
import ApusRegex

/// A splitting of the text into the pieces that the model treats one by one. Stages have Hugging Face's names.
protocol PreTokenizer: Sendable {
    func preTokenize(_ text: inout PreTokenizedText)
}

enum PreTokenizers {
    static func make(_ json: JSONValue) throws(TextError) -> any PreTokenizer {
        let options = try StageOptions(json, stage: "pre_tokenizer")
        switch options.type {
        case "Sequence":
            var stages: [any PreTokenizer] = []
            for stage in try options.list("pretokenizers") { stages.append(try make(stage)) }
            return SequencePreTokenizer(stages: stages)
        case "Split": return try SplitPreTokenizer(options)
        case "ByteLevel": return try ByteLevelPreTokenizer(options)
        case "Metaspace": return try MetaspacePreTokenizer(options)
        case "Digits":
            let isIndividual = try options.flag("individual_digits")
            return ScalarPreTokenizer(UnicodeTables.numbers, isIndividual ? .isolated : .contiguous)
        case "Punctuation":
            let behavior = options["behavior"] == nil ? "Isolated" : try options.string("behavior")
            guard let behavior = SplitBehavior(rawValue: behavior) else { throw options.wrong("behavior") }
            return ScalarPreTokenizer(UnicodeTables.punctuation, behavior)
        case "WhitespaceSplit": return ScalarPreTokenizer(UnicodeTables.whitespace, .removed)
        case "CharDelimiterSplit":
            let delimiter = CodePointRanges([try options.scalar("delimiter")])
            return ScalarPreTokenizer(CodePointSet(delimiter), .removed)
        case "Whitespace": return WhitespacePreTokenizer()
        case "BertPreTokenizer":
            return SequencePreTokenizer(stages: [
                ScalarPreTokenizer(UnicodeTables.whitespace, .removed),
                ScalarPreTokenizer(UnicodeTables.punctuation, .isolated),
            ])
        default: throw .unsupported("pre-tokenizer \(options.type)")
        }
    }
}

struct SequencePreTokenizer: PreTokenizer {
    let stages: [any PreTokenizer]

    func preTokenize(_ text: inout PreTokenizedText) {
        for stage in stages { stage.preTokenize(&text) }
    }
}

/// Splits at the matches of a pattern.
struct SplitPreTokenizer: PreTokenizer {
    let pattern: StagePattern
    let behavior: SplitBehavior
    let isInverted: Bool

    init(_ options: StageOptions) throws(TextError) {
        pattern = try StagePattern(options["pattern"])
        guard let behavior = SplitBehavior(rawValue: try options.string("behavior")) else {
            throw options.wrong("behavior")
        }
        self.behavior = behavior
        isInverted = try options.flag("invert", default: false)
    }

    func preTokenize(_ text: inout PreTokenizedText) {
        text.split { bytes, emit in
            let matches = pattern.matches(in: bytes)
            behavior.split(count: bytes.count, matches: matches, isInverted: isInverted) { emit($0, nil) }
        }
    }
}

/// Splits at each scalar of a set.
struct ScalarPreTokenizer: PreTokenizer {
    let set: CodePointSet
    let behavior: SplitBehavior

    init(_ set: CodePointSet, _ behavior: SplitBehavior) {
        self.set = set
        self.behavior = behavior
    }

    func preTokenize(_ text: inout PreTokenizedText) {
        text.split { bytes, emit in
            var matches: [Range<Int>] = []
            var offset = 0
            while offset < bytes.count {
                let (code, next) = bytes.scalar(at: offset)
                if set.contains(code) { matches.append(offset..<next) }
                offset = next
            }
            behavior.split(count: bytes.count, matches: matches) { emit($0, nil) }
        }
    }
}

/// Keeps runs of word characters and runs of characters that are neither those nor white space.
struct WhitespacePreTokenizer: PreTokenizer {
    func preTokenize(_ text: inout PreTokenizedText) {
        let (words, space) = (UnicodeTables.words, UnicodeTables.whitespace)
        text.split { bytes, emit in
            var start = 0
            var kind: Bool?
            var offset = 0
            while offset < bytes.count {
                let (code, next) = bytes.scalar(at: offset)
                let current = words.contains(code) ? true : space.contains(code) ? nil : false
                if current != kind {
                    if kind != nil { emit(start..<offset, nil) }
                    (start, kind) = (offset, current)
                }
                offset = next
            }
            if kind != nil { emit(start..<offset, nil) }
        }
    }
}

/// GPT-2's stage: an optional space in front, an optional split by its pattern, bytes as characters.
struct ByteLevelPreTokenizer: PreTokenizer {
    let addsPrefixSpace: Bool
    let pattern: StagePattern?

    static let gpt2Pattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

    init(_ options: StageOptions) throws(TextError) {
        addsPrefixSpace = try options.flag("add_prefix_space")
        pattern = try options.flag("use_regex", default: true) ? .regex(try Regex(Self.gpt2Pattern)) : nil
    }

    func preTokenize(_ text: inout PreTokenizedText) {
        if addsPrefixSpace {
            text.rewrite { bytes, _, output in
                if bytes.first != UInt8(ascii: " ") { output.append(UInt8(ascii: " ")) }
                output.append(contentsOf: bytes)
            }
        }
        if let pattern {
            text.split { bytes, emit in
                let matches = pattern.matches(in: bytes)
                SplitBehavior.isolated.split(count: bytes.count, matches: matches) { emit($0, nil) }
            }
        }
        text.rewrite { bytes, _, output in
            for byte in bytes { ByteLevelAlphabet.append(byte, to: &output) }
        }
    }
}

/// SentencePiece's stage: spaces become a visible character, which is also put in front of the text.
struct MetaspacePreTokenizer: PreTokenizer {
    enum PrependScheme: String, Sendable { case always, first, never }

    let replacement: [UInt8]
    let prependScheme: PrependScheme
    let splits: Bool

    init(_ options: StageOptions) throws(TextError) {
        replacement = Array(String(try options.scalar("replacement")).utf8)
        if options["prepend_scheme"] != nil {
            guard let scheme = PrependScheme(rawValue: try options.string("prepend_scheme")) else {
                throw options.wrong("prepend_scheme")
            }
            prependScheme = scheme
        } else {
            // Files of before the schemes have a flag.
            prependScheme = try options.flag("add_prefix_space", default: true) ? .always : .never
        }
        splits = try options.flag("split", default: true)
    }

    func preTokenize(_ text: inout PreTokenizedText) {
        text.rewrite { bytes, piece, output in
            let start = output.count
            for byte in bytes {
                if byte == UInt8(ascii: " ") { output += replacement } else { output.append(byte) }
            }
            let prepends = prependScheme == .always || prependScheme == .first && piece.isFirst
            if prepends, !output[start...].starts(with: replacement) {
                output.insert(contentsOf: replacement, at: start)
            }
        }
        guard splits else { return }
        let pattern = StagePattern.literal(replacement)
        text.split { bytes, emit in
            SplitBehavior.mergedWithNext.split(count: bytes.count, matches: pattern.matches(in: bytes)) {
                emit($0, nil)
            }
        }
    }
}
