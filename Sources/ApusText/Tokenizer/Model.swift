import ApusJSON

/// What turns a piece of text into token ids.
protocol TokenizerModel: Sendable {
    var vocabulary: Vocabulary { get }

    /// Appends the ids of one piece. `workspace` is the calling encode's own.
    func tokenize(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], _ workspace: inout ModelWorkspace)
}

/// Memory that a model reuses from piece to piece of one text.
struct ModelWorkspace {
    /// Whether the piece to be tokenised begins where the text begins.
    var isTextStart = true
    var symbols: [MergeSymbol] = []
    var queue: [UInt64] = []
}

enum Models {
    static func make(_ json: JSONValue) throws(TextError) -> any TokenizerModel {
        // Files of the first years do not name the type; the members tell.
        let type = json["type"]?.stringValue ?? (json["merges"] != nil ? "BPE" : "WordPiece")
        switch type {
        case "BPE": return try BPEModel(json)
        case "WordPiece": return try WordPieceModel(json)
        case "Unigram": return try UnigramModel(json)
        default: throw .unsupported("model \(type)")
        }
    }

    /// The `vocab` object of BPE and WordPiece.
    static func vocabulary(_ json: JSONValue?) throws(TextError) -> Vocabulary {
        guard let members = json?.objectValue else { throw .malformed("a model without vocab") }
        var vocabulary = Vocabulary(capacity: members.count)
        // Ids may have gaps, but not so that a short file asks for much memory.
        let idLimit = members.count * 4 + 0x10000
        for member in members {
            guard let id = member.value.intValue.flatMap({ Int32(exactly: $0) }), (0..<idLimit).contains(Int(id)) else {
                throw .malformed("token id \(member.value) of \(JSONValue.string(member.key))")
            }
            guard vocabulary.text(of: id) == nil else { throw .malformed("two tokens with the id \(id)") }
            vocabulary.insert(Array(member.key.utf8), id: id)
        }
        return vocabulary
    }

    /// The ids of the tokens `<0x00>` to `<0xFF>`, of which some may be missing.
    static func byteTokens(_ vocabulary: Vocabulary) -> [Int32?] {
        (0..<256).map { vocabulary.id(of: Array(ByteToken.text(UInt8($0)).utf8)) }
    }
}

/// Tokens that stand for one byte where a vocabulary has no token for a character: `<0xE2>`.
enum ByteToken {
    static func text(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "<0x" + (byte < 16 ? "0" : "") + digits + ">"
    }

    /// The byte that `text` stands for; any hexadecimal digits, as Rust's `from_str_radix` reads them.
    static func byte(_ text: [UInt8]) -> UInt8? {
        guard text.count == 6, text.starts(with: "<0x".utf8), text[5] == UInt8(ascii: ">") else { return nil }
        return UInt8(String(decoding: text[3..<5], as: UTF8.self), radix: 16)
    }
}
