import ApusJSON

/// WordPiece: the longest token that begins the word, then the longest continuation, and so on; a word that does not
/// come out even is unknown as a whole (Devlin et al. 2018).
struct WordPieceModel: TokenizerModel {
    let vocabulary: Vocabulary
    private let unknownID: Int32
    private let continuingPrefix: [UInt8]
    private let maximumCharacters: Int

    init(_ json: JSONValue) throws(TextError) {
        vocabulary = try Models.vocabulary(json["vocab"])
        let unknown = json["unk_token"]?.stringValue ?? "[UNK]"
        guard let id = vocabulary.id(of: Array(unknown.utf8)) else {
            throw .malformed("unk_token \(unknown) is not in the vocabulary")
        }
        unknownID = id
        continuingPrefix = Array((json["continuing_subword_prefix"]?.stringValue ?? "##").utf8)
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
            guard let (id, end) = longestToken(piece, from: start) else {
                ids.removeSubrange(count...)
                ids.append(unknownID)
                return
            }
            ids.append(id)
            start = end
        }
    }

    private func longestToken(_ piece: UnsafeBufferPointer<UInt8>, from start: Int) -> (Int32, Int)? {
        var end = piece.count
        var text = start > 0 ? continuingPrefix + piece[start...] : Array(piece)
        while end > start {
            if let id = vocabulary.id(of: text) { return (id, end) }
            let shorter = piece.offset(before: end)
            text.removeLast(end - shorter)
            end = shorter
        }
        return nil
    }
}
