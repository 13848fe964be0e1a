/// SentencePiece's own normalisation: a table of replacements in a double-array trie (darts-clone) that the model was
/// trained with, applied as Hugging Face's `Precompiled` applies it.
struct PrecompiledNormalizer: Normalizer {
    private let trie: [UInt32]
    /// Replacements, each ended by a zero byte.
    private let replacements: [UInt8]

    /// The table begins with the byte count of the trie (32 bits, little endian), then the trie, then the replacements.
    init(base64: String) throws(TextError) {
        guard let data = Base64.decode(base64), data.count >= 4 else { throw .malformed("precompiled_charsmap") }
        let words = data.withUnsafeBytes { bytes in
            (0..<data.count / 4).map {
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self))
            }
        }
        let trieByteCount = Int(words[0])
        guard trieByteCount % 4 == 0, trieByteCount > 0, 4 + trieByteCount <= data.count else {
            throw .malformed("precompiled_charsmap of \(data.count) bytes with a trie of \(trieByteCount)")
        }
        trie = Array(words[1...trieByteCount / 4])
        replacements = Array(data[(4 + trieByteCount)...])
    }

    /// Whole graphemes below 6 bytes are looked up first, then their scalars one by one.
    func normalize(_ text: inout [UInt8]) {
        var output: [UInt8] = []
        output.reserveCapacity(text.count)
        for character in String(decoding: text, as: UTF8.self) {
            let bytes = Array(character.utf8)
            if bytes.count < 6, let replacement = replacement(for: bytes) {
                output += replacement
                continue
            }
            for scalar in character.unicodeScalars {
                if let replacement = replacement(for: Array(scalar.utf8)) {
                    output += replacement
                } else {
                    output.append(scalar)
                }
            }
        }
        text = output
    }

    /// The replacement of the shortest entry that `key` begins with.
    private func replacement(for key: [UInt8]) -> ArraySlice<UInt8>? {
        var position = Unit(trie[0]).offset
        for byte in key {
            guard byte != 0 else { return nil }
            position ^= Int(byte)
            guard position < trie.count else { return nil }
            let unit = Unit(trie[position])
            guard unit.label == UInt32(byte) else { return nil }
            position ^= unit.offset
            guard position < trie.count else { return nil }
            if unit.hasLeaf {
                let start = Int(trie[position] & 0x7FFF_FFFF)
                guard start <= replacements.count else { return nil }
                return replacements[start...].prefix { $0 != 0 }
            }
        }
        return nil
    }

    /// A node of a darts-clone trie.
    private struct Unit {
        private let bits: UInt32

        init(_ bits: UInt32) { self.bits = bits }

        var hasLeaf: Bool { bits >> 8 & 1 == 1 }
        /// The byte that leads here; the top bit is set where no byte does.
        var label: UInt32 { bits & (1 << 31 | 0xFF) }
        var offset: Int { Int(bits >> 10) << Int((bits & 1 << 9) >> 6) }
    }
}

/// RFC 4648, the standard alphabet with padding.
enum Base64 {
    static func decode(_ text: String) -> [UInt8]? {
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count / 4 * 3)
        var (bits, count, padding) = (UInt32(0), 0, 0)
        for byte in text.utf8 {
            let value: UInt32
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = UInt32(byte) - 65
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = UInt32(byte) - 71
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt32(byte) + 4
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            case UInt8(ascii: "="): (value, padding) = (0, padding + 1)
            default: return nil
            }
            guard padding == 0 || byte == UInt8(ascii: "=") else { return nil }
            bits = bits << 6 | value
            count += 1
            if count % 4 == 0 {
                output += [UInt8(bits >> 16 & 0xFF), UInt8(bits >> 8 & 0xFF), UInt8(bits & 0xFF)]
                bits = 0
            }
        }
        guard count % 4 == 0, padding <= 2 else { return nil }
        output.removeLast(padding)
        return output
    }
}
