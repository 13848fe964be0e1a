import ApusJSON

/// Turns token texts back into text: each stage rewrites the list of them, the joined list is the text. Stages have
/// Hugging Face's names. Texts are valid UTF-8 before and after each stage.
protocol Decoder: Sendable {
    func decode(_ tokens: inout [[UInt8]])
}

enum Decoders {
    static func make(_ json: JSONValue) throws(TextError) -> any Decoder {
        let options = try StageOptions(json, stage: "decoder")
        switch options.type {
        case "Sequence":
            var stages: [any Decoder] = []
            for stage in try options.list("decoders") { stages.append(try make(stage)) }
            return SequenceDecoder(stages: stages)
        case "ByteLevel": return ByteLevelDecoder()
        case "ByteFallback": return ByteFallbackDecoder()
        case "Fuse": return FuseDecoder()
        case "Strip":
            return StripDecoder(
                content: try options.scalar("content"), start: try options.integer("start"),
                stop: try options.integer("stop"))
        case "Replace":
            let content = Array(try options.string("content").utf8)
            return ReplaceDecoder(
                replacement: ReplaceNormalizer(pattern: try StagePattern(options["pattern"]), content: content))
        case "Metaspace":
            let stage = try MetaspacePreTokenizer(options)
            return MetaspaceDecoder(replacement: stage.replacement, dropsFirst: stage.prependScheme != .never)
        case "WordPiece":
            return WordPieceDecoder(
                prefix: Array(try options.string("prefix").utf8), cleansUp: try options.flag("cleanup"))
        case "BPEDecoder": return BPEDecoder(suffix: Array(try options.string("suffix").utf8))
        default: throw .unsupported("decoder \(options.type)")
        }
    }
}

struct SequenceDecoder: Decoder {
    let stages: [any Decoder]

    func decode(_ tokens: inout [[UInt8]]) {
        for stage in stages { stage.decode(&tokens) }
    }
}

/// Bytes from the characters that stand for them; a token with another character keeps its own text.
struct ByteLevelDecoder: Decoder {
    func decode(_ tokens: inout [[UInt8]]) {
        let bytes = tokens.flatMap { ByteLevelAlphabet.bytes(of: $0) ?? $0 }
        tokens = [Array(bytes.lossyText.utf8)]
    }
}

/// Runs of byte tokens become the text that they encode, or a U+FFFD for each if they encode none.
struct ByteFallbackDecoder: Decoder {
    func decode(_ tokens: inout [[UInt8]]) {
        var result: [[UInt8]] = []
        result.reserveCapacity(tokens.count)
        var run: [UInt8] = []
        func flush() {
            guard !run.isEmpty else { return }
            if String(validating: run, as: UTF8.self) != nil {
                result.append(run)
            } else {
                result += repeatElement(Array("\u{FFFD}".utf8), count: run.count)
            }
            run.removeAll(keepingCapacity: true)
        }
        for token in tokens {
            if let byte = ByteToken.byte(token) {
                run.append(byte)
            } else {
                flush()
                result.append(token)
            }
        }
        flush()
        tokens = result
    }
}

struct FuseDecoder: Decoder {
    func decode(_ tokens: inout [[UInt8]]) { tokens = [Array(tokens.joined())] }
}

/// Removes up to `start` and `stop` of one character from the ends of each token.
struct StripDecoder: Decoder {
    let content: Unicode.Scalar
    let start: Int
    let stop: Int

    func decode(_ tokens: inout [[UInt8]]) {
        let unit = Array(String(content).utf8)
        for index in tokens.indices {
            var token = tokens[index][...]
            var count = 0
            while count < start, token.starts(with: unit) {
                token = token.dropFirst(unit.count)
                count += 1
            }
            count = 0
            while count < stop, token.suffix(unit.count).elementsEqual(unit) {
                token = token.dropLast(unit.count)
                count += 1
            }
            tokens[index] = Array(token)
        }
    }
}

struct ReplaceDecoder: Decoder {
    let replacement: ReplaceNormalizer

    func decode(_ tokens: inout [[UInt8]]) {
        for index in tokens.indices { replacement.normalize(&tokens[index]) }
    }
}

/// The visible space back to a space, and none of them in the first token if one was put in front.
struct MetaspaceDecoder: Decoder {
    let replacement: [UInt8]
    let dropsFirst: Bool

    func decode(_ tokens: inout [[UInt8]]) {
        for index in tokens.indices {
            let content: [UInt8] = index == 0 && dropsFirst ? [] : [UInt8(ascii: " ")]
            ReplaceNormalizer(pattern: .literal(replacement), content: content).normalize(&tokens[index])
        }
    }
}

/// Spaces between words, none before continuations.
struct WordPieceDecoder: Decoder {
    let prefix: [UInt8]
    let cleansUp: Bool

    func decode(_ tokens: inout [[UInt8]]) {
        for index in tokens.indices {
            if index > 0 {
                if tokens[index].starts(with: prefix) {
                    tokens[index].removeFirst(prefix.count)
                } else {
                    tokens[index].insert(UInt8(ascii: " "), at: 0)
                }
            }
            if cleansUp { TokenizationCleanUp.wordPiece.normalize(&tokens[index]) }
        }
    }
}

/// The end-of-word mark becomes a space, in the last token nothing.
struct BPEDecoder: Decoder {
    let suffix: [UInt8]

    func decode(_ tokens: inout [[UInt8]]) {
        for index in tokens.indices {
            let content: [UInt8] = index == tokens.count - 1 ? [] : [UInt8(ascii: " ")]
            ReplaceNormalizer(pattern: .literal(suffix), content: content).normalize(&tokens[index])
        }
    }
}

/// English spacing after decoding: the replacements of transformers' `clean_up_tokenization`, and those of the WordPiece
/// decoder, which has one more.
enum TokenizationCleanUp {
    static let text = make([" 's", " 've", " 're"])
    static let wordPiece = make([" do not", " 's", " 've", " 're"])

    private static func make(_ rest: [String]) -> SequenceNormalizer {
        let list = [" .", " ?", " !", " ,", " ' ", " n't", " 'm"] + rest
        return SequenceNormalizer(
            stages: list.map { text in
                let content = text == " ' " ? "'" : text == " do not" ? " don't" : String(text.dropFirst())
                return ReplaceNormalizer(pattern: .literal(Array(text.utf8)), content: Array(content.utf8))
            })
    }
}
