/// The text of a token stream as it grows: what is given away once is never taken back, and all of it together is the
/// text of all tokens.
///
/// Text waits only for the rest of a character. Ill-formed UTF-8 becomes U+FFFD as soon as it is certain, and what is
/// incomplete at the end when the stream ends.
package struct IncrementalDecoder: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecialTokens: Bool
    private var source: Source

    private enum Source {
        /// Tokens are bytes whatever stands beside them: `pending` is the beginning of a character.
        case bytes(pending: [UInt8], beginsInPrompt: Bool)
        /// Tokens are read in the context of those before.
        case window(Window)
    }

    /// `promptTail`: the last tokens of the prompt, as context; none of their text is given.
    package init(tokenizer: Tokenizer, promptTail: [Int32], skipSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        skipsSpecialTokens = skipSpecialTokens
        if tokenizer.decodesTokensAlone {
            var bytes: [UInt8] = []
            for id in promptTail where !(skipSpecialTokens && tokenizer.isSpecial(id)) {
                bytes += tokenizer.tokenBytes(id) ?? []
            }
            let pending = Array(bytes.suffix(bytes.incompleteSuffixCount))
            source = .bytes(pending: pending, beginsInPrompt: !pending.isEmpty)
        } else {
            source = .window(Window(promptTail, tokenizer, skipSpecialTokens))
        }
    }

    /// The text that is certain with this token.
    package mutating func append(_ id: Int32) -> String {
        switch source {
        case .bytes(var pending, let beginsInPrompt):
            guard !(skipsSpecialTokens && tokenizer.isSpecial(id)) else { return "" }
            let bytes = tokenizer.tokenBytes(id) ?? []
            // Most tokens are whole characters behind whole characters.
            if pending.isEmpty, bytes.incompleteSuffixCount == 0 { return String(decoding: bytes, as: UTF8.self) }
            pending += bytes
            let count = pending.count - pending.incompleteSuffixCount
            guard count > 0 else {
                source = .bytes(pending: pending, beginsInPrompt: beginsInPrompt)
                return ""
            }
            let text = String(decoding: pending[..<count], as: UTF8.self)
            source = .bytes(pending: Array(pending[count...]), beginsInPrompt: false)
            return beginsInPrompt ? text.withoutFirstScalar : text
        case .window(var window):
            let text = window.append(id, tokenizer, skipsSpecialTokens)
            source = .window(window)
            return text
        }
    }

    /// The text that no further token completes.
    package mutating func finish() -> String {
        switch source {
        case .bytes(let pending, let beginsInPrompt):
            source = .bytes(pending: [], beginsInPrompt: false)
            let text = String(decoding: pending, as: UTF8.self)
            return beginsInPrompt ? text.withoutFirstScalar : text
        case .window(var window):
            let text = window.finish(tokenizer, skipsSpecialTokens)
            source = .window(window)
            return text
        }
    }
}

/// Decodes the tokens since the last certain one, after those before it, and takes away what those give alone.
private struct Window: Sendable {
    private var ids: [Int32]
    /// Leading ids whose text is given away, and the scalars of that text.
    private var readCount: Int
    private var readLength: Int
    /// Bytes that are missing of a character that the prompt began: they belong to the prompt.
    private var missingByteCount: Int

    /// Tokens after which text is given away even if it ends in U+FFFD: that is then what the model wrote.
    private static let mostPending = 16

    init(_ promptTail: [Int32], _ tokenizer: Tokenizer, _ skipsSpecialTokens: Bool) {
        // Tokens of single bytes make text only when a run of them holds whole characters: parts of one at either end
        // would spoil the others.
        ids = Array(promptTail.drop { tokenizer.continuationByte(of: $0) != nil })
        let endBytes = Array(ids.reversed().prefix { tokenizer.byte(of: $0) != nil }.reversed())
        let incomplete = endBytes.compactMap { tokenizer.byte(of: $0) }.incompleteSuffix
        missingByteCount = incomplete.missing
        ids.removeLast(incomplete.count)
        readCount = ids.count
        readLength = tokenizer.decode(ids, skipSpecialTokens: skipsSpecialTokens).unicodeScalars.count
    }

    mutating func append(_ id: Int32, _ tokenizer: Tokenizer, _ skipsSpecialTokens: Bool) -> String {
        if missingByteCount > 0, tokenizer.continuationByte(of: id) != nil {
            missingByteCount -= 1
            return ""
        }
        missingByteCount = 0
        ids.append(id)
        let new = unread(tokenizer, skipsSpecialTokens)
        let isComplete = new.unicodeScalars.last != "\u{FFFD}" || ids.count - readCount >= Self.mostPending
        guard !new.isEmpty, isComplete else {
            // Nothing but tokens without text: they need not be read again and again.
            if new.isEmpty, ids.count - readCount >= Self.mostPending { settle(tokenizer, skipsSpecialTokens) }
            return ""
        }
        settle(tokenizer, skipsSpecialTokens)
        return new
    }

    mutating func finish(_ tokenizer: Tokenizer, _ skipsSpecialTokens: Bool) -> String {
        let new = unread(tokenizer, skipsSpecialTokens)
        settle(tokenizer, skipsSpecialTokens)
        return new
    }

    private func unread(_ tokenizer: Tokenizer, _ skipsSpecialTokens: Bool) -> String {
        guard ids.count > readCount else { return "" }
        let text = tokenizer.decode(ids, skipSpecialTokens: skipsSpecialTokens)
        return String(text.unicodeScalars.dropFirst(readLength))
    }

    /// What was unread is given away, and becomes the context of what follows. Context without text would be none.
    private mutating func settle(_ tokenizer: Tokenizer, _ skipsSpecialTokens: Bool) {
        let unread = ids[readCount...]
        let length = tokenizer.decode(unread, skipSpecialTokens: skipsSpecialTokens).unicodeScalars.count
        if length > 0 {
            ids = Array(unread)
            readLength = length
        } else {
            ids.removeLast(unread.count)
        }
        readCount = ids.count
    }
}

extension Tokenizer {
    /// Whether the text of tokens is that of their bytes one after another.
    fileprivate var decodesTokensAlone: Bool {
        decoder is ByteLevelDecoder && !(configuration.cleansUpSpaces && !(model is BPEModel))
    }
}

extension Tokenizer {
    /// The byte of a token like `<0xE2>`, with which SentencePiece vocabularies spell what they have no token for.
    fileprivate func byte(of id: Int32) -> UInt8? {
        idToToken(id).flatMap { ByteToken.byte(Array($0.utf8)) }
    }

    /// The same for bytes that no character begins with.
    fileprivate func continuationByte(of id: Int32) -> UInt8? {
        byte(of: id).flatMap { $0 & 0xC0 == 0x80 ? $0 : nil }
    }
}

extension String {
    fileprivate var withoutFirstScalar: String { String(unicodeScalars.dropFirst()) }
}

extension [UInt8] {
    fileprivate var incompleteSuffixCount: Int { incompleteSuffix.count }

    /// Bytes at the end that may be the beginning of a character, 0 to 3, and how many it lacks. Unicode 16, table 3-7.
    fileprivate var incompleteSuffix: (count: Int, missing: Int) {
        for count in 1...3 where count <= self.count {
            let lead = self[self.count - count]
            if lead & 0xC0 == 0x80 { continue }
            let length =
                switch lead {
                case 0xC2...0xDF: 2
                case 0xE0...0xEF: 3
                case 0xF0...0xF4: 4
                default: 1
                }
            guard count < length else { break }
            let seconds: ClosedRange<UInt8> =
                switch lead {
                case 0xE0: 0xA0...0xBF
                case 0xED: 0x80...0x9F
                case 0xF0: 0x90...0xBF
                case 0xF4: 0x80...0x8F
                default: 0x80...0xBF
                }
            guard count == 1 || seconds.contains(self[self.count - count + 1]) else { break }
            return (count, length - count)
        }
        return (0, 0)
    }
}
