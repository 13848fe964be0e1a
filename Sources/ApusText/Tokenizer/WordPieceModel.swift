import ApusJSON

/// WordPiece: the longest token that begins the word, then the longest continuation, and so on; a word that does not
/// come out even is unknown as a whole (Devlin et al. 2018).
struct WordPieceModel: TokenizerModel {
    let vocabulary: Vocabulary
    private let unknownID: Int32
    /// Tokens that begin words; tokens that continue them, without their prefix.
    private let beginnings: ByteTrie
    private let continuations: ByteTrie
    private let maximumCharacters: Int

    init(_ json: JSONValue) throws(TextError) {
        vocabulary = try Models.vocabulary(json["vocab"])
        let unknown = json["unk_token"]?.stringValue ?? "[UNK]"
        guard let id = vocabulary.id(of: Array(unknown.utf8)) else {
            throw .malformed("unk_token \(unknown) is not in the vocabulary")
        }
        unknownID = id
        let prefix = Array((json["continuing_subword_prefix"]?.stringValue ?? "##").utf8)
        var (beginnings, continuations) = (ByteTrie(), ByteTrie())
        for id in 0..<Int32(vocabulary.idLimit) {
            guard let text = vocabulary.text(of: id), !text.isEmpty else { continue }
            beginnings.insert(text, value: id)
            if text.starts(with: prefix), text.count > prefix.count {
                continuations.insert(text[prefix.count...], value: id)
            }
        }
        (self.beginnings, self.continuations) = (beginnings, continuations)
        maximumCharacters = json["max_input_chars_per_word"]?.intValue ?? 100
    }

    func tokenize(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], _ workspace: inout ModelWorkspace) {
        let characters = piece.reduce(0) { $0 + ($1 & 0xC0 != 0x80 ? 1 : 0) }
        guard characters <= maximumCharacters else {
            ids.append(unknownID)
            return
        }
        let count = ids.count
        var start = 0
        while start < piece.count {
            let trie = start > 0 ? continuations : beginnings
            guard let match = trie.longestMatch(in: piece, at: start) else {
                ids.removeSubrange(count...)
                ids.append(unknownID)
                return
            }
            ids.append(match.value)
            start = match.end
        }
    }
}
