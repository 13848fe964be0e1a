import CSentencePiece

/// A tokenizer.model file, encoded by libsentencepiece itself.
final class SentencePieceModel: TokenizerModel, @unchecked Sendable {  // the library's model is immutable once loaded
    let vocabulary: Vocabulary
    /// Tokens that stand for no text, such as `<s>`, and the unknown token.
    let controlTokens: [AddedToken]
    /// Whether a space is put in front of each text.
    let addsPrefixSpace: Bool
    let bosID: Int32?
    let eosID: Int32?
    let padID: Int32?
    private let handle: OpaquePointer
    private let prefixesEachStretch: Bool
    /// A character that no vocabulary has, and its ids: what follows it is encoded without a space in front.
    private let separator = Array("\u{10FFFF}".utf8)
    private let separatorIDs: [Int32]

    /// `prefixesEachStretch`: also text after a special token gets a space in front, as transformers' `legacy` has it.
    init(path: String, prefixesEachStretch: Bool) throws(TextError) {
        var reason = [CChar](repeating: 0, count: 512)
        guard let handle = apus_sentencepiece_load(path, &reason, reason.count) else {
            let bytes = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw .sentencePiece(path: path, reason: String(decoding: bytes, as: UTF8.self))
        }
        self.handle = handle
        let count = apus_sentencepiece_count(handle)
        var vocabulary = Vocabulary(capacity: Int(count))
        var controls: [AddedToken] = []
        for id in 0..<count {
            guard let piece = apus_sentencepiece_piece(handle, id) else { continue }
            let text = String(cString: piece)
            vocabulary.insert(Array(text.utf8), id: id)
            let kind = apus_sentencepiece_piece_kind(handle, id)
            if kind == APUS_PIECE_CONTROL || kind == APUS_PIECE_UNKNOWN {
                controls.append(AddedToken(id: id, content: text, isSpecial: true))
            }
        }
        self.vocabulary = vocabulary
        controlTokens = controls
        addsPrefixSpace = apus_sentencepiece_adds_prefix(handle) != 0
        bosID = Self.id(apus_sentencepiece_bos(handle))
        eosID = Self.id(apus_sentencepiece_eos(handle))
        padID = Self.id(apus_sentencepiece_pad(handle))
        self.prefixesEachStretch = prefixesEachStretch
        var separatorIDs: [Int32] = []
        separator.withUnsafeBufferPointer { Self.encode(handle, $0, into: &separatorIDs) }
        self.separatorIDs = separatorIDs
    }

    deinit { apus_sentencepiece_free(handle) }

    private static func id(_ id: Int32) -> Int32? { id < 0 ? nil : id }

    func tokenize(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], _ workspace: inout ModelWorkspace) {
        if !workspace.isTextStart, addsPrefixSpace, !prefixesEachStretch {
            var whole: [Int32] = []
            (separator + piece).withUnsafeBufferPointer { Self.encode(handle, $0, into: &whole) }
            ids += whole.dropFirst(separatorIDs.count)
        } else {
            Self.encode(handle, piece, into: &ids)
        }
    }

    private static func encode(
        _ handle: OpaquePointer, _ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]
    ) {
        let status = piece.withMemoryRebound(to: CChar.self) { text in
            withUnsafeMutablePointer(to: &ids) { ids in
                apus_sentencepiece_encode(handle, text.baseAddress, text.count, ids) { context, received, count in
                    let ids = context!.assumingMemoryBound(to: [Int32].self)
                    ids.pointee.append(contentsOf: UnsafeBufferPointer(start: received, count: count))
                }
            }
        }
        // It fails only where it was not loaded.
        precondition(status == 0)
    }
}

extension Tokenizer {
    /// A tokenizer.model file. Control tokens written out in a text are found first, each stretch between them is
    /// encoded by itself; a beginning-of-sequence token is added unless tokenizer_config.json says otherwise.
    ///
    /// Ids are the library's. transformers 5 reads these files with a pipeline of its own, which differs in one thing:
    /// it puts no space in front of a text that begins with one.
    convenience init(sentencePiece path: String, configuration: TokenizerConfiguration) throws(TextError) {
        let model = try SentencePieceModel(path: path, prefixesEachStretch: configuration.isLegacy)
        var configuration = configuration
        configuration.fillIn(
            beginning: model.text(of: model.bosID), end: model.text(of: model.eosID), pad: model.text(of: model.padID))
        let tokens = Self.addedTokens(model.controlTokens, configuration, model)
        let added = AddedVocabulary(
            tokens, normalizer: nil, readsSpecialTokensAsText: configuration.readsSpecialTokensAsText)
        let space = ReplaceNormalizer(pattern: .literal(Array("\u{2581}".utf8)), content: [UInt8(ascii: " ")])
        var stages: [any Decoder] = [ReplaceDecoder(replacement: space), ByteFallbackDecoder(), FuseDecoder()]
        if model.addsPrefixSpace { stages.append(StripDecoder(content: " ", start: 1, stop: 0)) }
        self.init(
            normalizer: nil, preTokenizer: nil, model: model,
            postProcessor: Self.postProcessor(nil, configuration, added, model),
            decoder: SequenceDecoder(stages: stages), added: added, configuration: configuration)
    }
}

extension SentencePieceModel {
    fileprivate func text(of id: Int32?) -> String? {
        id.flatMap(vocabulary.text).map { String(decoding: $0, as: UTF8.self) }
    }
}
