import ApusTestSupport
import ApusText

/// A byte-level vocabulary whose tokens split characters in every way: id = byte for the first 256, then some words and
/// pieces of characters, then special tokens.
enum TinyTokenizer {
    /// Bytes of the tokens from 256 on.
    static let pieces: [[UInt8]] = [
        Array(" hello".utf8), Array(" world".utf8), Array("ab".utf8), Array("bc".utf8), Array("abc".utf8),
        Array("日本".utf8), Array("本語".utf8), [0xE6, 0x97], [0xA5, 0xE6], [0xF0, 0x9F], [0x91, 0xA9],
        Array("e\u{301}".utf8), [0x65, 0xCC], [0x81, 0x61], Array("\n\n".utf8), Array("\u{200D}👧".utf8),
        [0xE2, 0x80], Array("\u{FFFD}".utf8), Array("שלום".utf8), [0xD7, 0xA9, 0xD7],
    ]
    static let specials = ["<|end|>", "<|im_end|>", "<tool>"]
    static let end = Int32(256 + pieces.count)
    static let imEnd = end + 1
    static let tool = end + 2
    static let count = 256 + pieces.count + specials.count

    static func make() throws -> Tokenizer {
        let directory = TemporaryDirectory()
        directory.write(Array(json.utf8), to: "tokenizer.json")
        return try Tokenizer(directory: directory.path)
    }

    /// The ids of the bytes of `text`.
    static func bytes(_ text: String) -> [Int32] {
        text.utf8.map(Int32.init)
    }

    /// The bytes of a token as the text of all of them shows it; nil for special tokens.
    static func bytes(of id: Int32) -> [UInt8]? {
        if id < 256 { return [UInt8(id)] }
        return Int(id) - 256 < pieces.count ? pieces[Int(id) - 256] : nil
    }

    /// The whole text of `ids`, by the definition of byte-level decoding and without the code under test.
    static func text(_ ids: some Sequence<Int32>, skipSpecialTokens: Bool) -> String {
        var text = ""
        var bytes: [UInt8] = []
        for id in ids {
            if let more = Self.bytes(of: id) {
                bytes += more
            } else if !skipSpecialTokens {
                text += String(decoding: bytes, as: UTF8.self) + specials[Int(id - end)]
                bytes = []
            }
        }
        return text + String(decoding: bytes, as: UTF8.self)
    }

    private static var json: String {
        var vocabulary = (0..<256).map { "\(quoted([UInt8($0)])): \($0)" }
        vocabulary += pieces.enumerated().map { "\(quoted($0.element)): \(256 + $0.offset)" }
        let added = specials.enumerated().map { index, text in
            """
            {"id": \(Int(end) + index), "content": "\(text)", "single_word": false, "lstrip": false, \
            "rstrip": false, "normalized": false, "special": true}
            """
        }
        let byteLevel = #"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}"#
        return """
            {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [\(added.joined(separator: ", "))],
             "normalizer": null, "pre_tokenizer": \(byteLevel), "post_processor": null, "decoder": \(byteLevel),
             "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
             "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
             "vocab": {\(vocabulary.joined(separator: ", "))}, "merges": []}}
            """
    }

    /// GPT-2's alphabet for bytes: printable Latin-1 stands for itself, the rest for U+0100 and on, in order.
    private static let alphabet: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (0..<256).map { byte in
            if (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174 {
                return Unicode.Scalar(UInt8(byte))
            }
            defer { next += 1 }
            return Unicode.Scalar(next)!
        }
    }()

    private static func quoted(_ bytes: [UInt8]) -> String {
        var text = String.UnicodeScalarView()
        for byte in bytes {
            let scalar = alphabet[Int(byte)]
            if scalar == "\"" || scalar == "\\" { text.append("\\") }
            text.append(scalar)
        }
        return "\"\(String(text))\""
    }
}
