/// Text to token ids and back, as Hugging Face's `tokenizers` does it for the same files.
///
/// Immutable; any number of threads may use it at once. Truncation and padding that tokenizer.json may ask for are not
/// applied, as transformers does not apply them unless told to.
package final class Tokenizer: Sendable {
    let normalizer: (any Normalizer)?
    let preTokenizer: (any PreTokenizer)?
    let model: any TokenizerModel
    let postProcessor: PostProcessor
    let decoder: (any Decoder)?
    let added: AddedVocabulary
    let configuration: TokenizerConfiguration

    init(
        normalizer: (any Normalizer)?, preTokenizer: (any PreTokenizer)?, model: any TokenizerModel,
        postProcessor: PostProcessor, decoder: (any Decoder)?, added: AddedVocabulary,
        configuration: TokenizerConfiguration
    ) {
        self.normalizer = normalizer
        self.preTokenizer = preTokenizer
        self.model = model
        self.postProcessor = postProcessor
        self.decoder = decoder
        self.added = added
        self.configuration = configuration
    }

    // MARK: - Encoding

    /// `addSpecialTokens`: also what the model expects around a text, such as a beginning-of-sequence token. Special
    /// tokens that are written out in the text become their ids either way.
    package func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
        let ids = sequence(text)
        guard addSpecialTokens else { return ids }
        return postProcessor.process(ids, nil, addSpecialTokens: true).ids
    }

    /// One text with its segment numbers. `maximumLength`: tokens, special ones included, beyond which the end of the
    /// text is cut off; nil keeps all.
    package func encodeSingle(_ text: String, addSpecialTokens: Bool, maximumLength: Int? = nil) -> Encoding {
        var ids = sequence(text)
        if let maximumLength {
            let room = maximumLength - (addSpecialTokens ? postProcessor.addedCount(isPair: false) : 0)
            ids = Array(ids.prefix(max(room, 0)))
        }
        return postProcessor.process(ids, nil, addSpecialTokens: addSpecialTokens)
    }

    /// Two texts as one input, for models that compare them. `maximumLength`: tokens, special ones included, beyond
    /// which the longer text is cut, and both when that is not enough (the reference's `longest_first`).
    package func encodePair(
        _ first: String, _ second: String, addSpecialTokens: Bool, maximumLength: Int? = nil
    ) -> Encoding {
        var (a, b) = (sequence(first), sequence(second))
        if let maximumLength {
            let room = max(maximumLength - (addSpecialTokens ? postProcessor.addedCount(isPair: true) : 0), 0)
            let kept = Self.longestFirst(a.count, b.count, room: room)
            (a, b) = (Array(a.prefix(kept.first)), Array(b.prefix(kept.second)))
        }
        return postProcessor.process(a, b, addSpecialTokens: addSpecialTokens)
    }

    /// How many tokens of two texts stay when both together may have `room`.
    private static func longestFirst(_ first: Int, _ second: Int, room: Int) -> (first: Int, second: Int) {
        guard first + second > room else { return (first, second) }
        let shorter = min(first, second)
        // The shorter text stays whole if it leaves at least as much to the other; else each gets half.
        let isHalved = shorter > room - shorter
        let kept = isHalved ? room / 2 : shorter
        let rest = room - kept
        return first > second ? (rest, kept) : (kept, rest)
    }

    private func sequence(_ text: String) -> [Int32] {
        var pieces = PreTokenizedText(Array(text.utf8))
        added.split(&pieces, isNormalized: false)
        if let normalizer {
            pieces.rewrite { bytes, _, output in
                var text = Array(bytes)
                normalizer.normalize(&text)
                output += text
            }
        }
        added.split(&pieces, isNormalized: true)
        preTokenizer?.preTokenize(&pieces)

        var ids: [Int32] = []
        ids.reserveCapacity(pieces.bytes.count / 3)
        var workspace = ModelWorkspace()
        pieces.bytes.withUnsafeBufferPointer { bytes in
            for piece in pieces.pieces {
                if let id = piece.tokenID {
                    ids.append(id)
                } else {
                    workspace.isTextStart = piece.isFirst
                    model.tokenize(UnsafeBufferPointer(rebasing: bytes[piece.range]), into: &ids, &workspace)
                }
            }
        }
        return ids
    }

    // MARK: - Decoding

    /// The text of `ids`. Ids that are no token are left out; ill-formed UTF-8 becomes U+FFFD.
    package func decode(_ ids: some Sequence<Int32>, skipSpecialTokens: Bool) -> String {
        var bytes: [UInt8] = []
        if decoder is ByteLevelDecoder {
            // What the stage does, without the list of texts.
            for id in ids where !(skipSpecialTokens && added.isSpecial(id)) { appendBytes(of: id, to: &bytes) }
        } else {
            var tokens: [[UInt8]] = []
            for id in ids where !(skipSpecialTokens && added.isSpecial(id)) {
                if let text = text(of: id) { tokens.append(text) }
            }
            if let decoder {
                decoder.decode(&tokens)
                for token in tokens { bytes += token }
            } else {
                bytes += tokens.joined(separator: [UInt8(ascii: " ")])
            }
        }
        // English clean-up would damage what byte-pair models write; the reference leaves those alone too.
        if configuration.cleansUpSpaces, !(model is BPEModel) {
            bytes = Array(bytes.lossyText.utf8)
            TokenizationCleanUp.text.normalize(&bytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func appendBytes(of id: Int32, to bytes: inout [UInt8]) {
        if let text = added.text(of: id) {
            bytes += ByteLevelAlphabet.bytes(of: text) ?? text
            return
        }
        model.vocabulary.withText(of: id) { text in
            if !ByteLevelAlphabet.appendBytes(of: text, to: &bytes) { bytes.append(contentsOf: text) }
        }
    }

    /// The bytes that a token adds inside a text (not at its beginning, where some tokenizers drop a space); nil if
    /// `id` is no token. Not always valid UTF-8 by itself.
    package func tokenBytes(_ id: Int32) -> [UInt8]? {
        guard let text = text(of: id) else { return nil }
        guard let decoder else { return text }
        if decoder is ByteLevelDecoder { return ByteLevelAlphabet.bytes(of: text) ?? text }
        if decodesByteTokens, let byte = ByteToken.byte(text) { return [byte] }
        let context = Array("a".utf8)
        var tokens = [context, text]
        decoder.decode(&tokens)
        return Array(tokens.joined().dropFirst(context.count))
    }

    private var decodesByteTokens: Bool {
        (decoder as? SequenceDecoder)?.stages.contains { $0 is ByteFallbackDecoder } ?? (decoder is ByteFallbackDecoder)
    }

    // MARK: - Vocabulary

    /// One past the largest token id, added tokens included.
    package var vocabularySize: Int {
        max(model.vocabulary.idLimit, added.largestID.map { Int($0) + 1 } ?? 0)
    }

    package func tokenToID(_ token: String) -> Int32? {
        let bytes = Array(token.utf8)
        return added.id(of: bytes) ?? model.vocabulary.id(of: bytes)
    }

    /// The token as the vocabulary writes it, which is not yet text: `Ġthe`.
    package func idToToken(_ id: Int32) -> String? {
        text(of: id).map { String(decoding: $0, as: UTF8.self) }
    }

    package func isSpecial(_ id: Int32) -> Bool { added.isSpecial(id) }

    private func text(of id: Int32) -> [UInt8]? {
        added.text(of: id) ?? model.vocabulary.text(of: id)
    }

    package var bosTokenID: Int32? { namedTokenID("bos_token") }
    package var eosTokenID: Int32? { namedTokenID("eos_token") }
    package var padTokenID: Int32? { namedTokenID("pad_token") }

    private func namedTokenID(_ name: String) -> Int32? {
        configuration.namedTokens[name].flatMap(tokenToID)
    }

    /// Texts of the named special tokens that the folder declares, by name (`bos_token`): what chat templates refer to.
    package var namedSpecialTokens: [String: String] { configuration.namedTokens }

    /// Ids that end generation beside the end-of-sequence ones: of these texts, those that are added tokens.
    package var additionalStopTokenIDs: [Int32] {
        ["<|eom_id|>", "<|content_model_end_sampling|>", "<|ifm|im_end|>"].compactMap { added.id(of: Array($0.utf8)) }
    }

    /// Longest input that the folder declares, in tokens; nil if it declares none.
    package var modelMaxLength: Int? { configuration.modelMaxLength }

    /// Jinja source of the chat template, if there is one.
    package var chatTemplate: String? { configuration.chatTemplates["default"] }

    /// All chat templates by name (`default`, `tool_use`).
    package var chatTemplates: [String: String] { configuration.chatTemplates }
}
