import ApusJSON
import ApusRegex

/// A token that is found in the text as it stands, before the model sees the rest.
struct AddedToken: Sendable {
    var id: Int32
    var content: String
    /// Only between characters that are not of words.
    var singleWord = false
    /// Takes the white space before, or after, with it.
    var stripsLeft = false
    var stripsRight = false
    /// Looked for in the normalised text, not in the original one.
    var isNormalized = false
    /// Left out of decoded text on request.
    var isSpecial = false

    init(id: Int32, content: String, isSpecial: Bool) {
        self.id = id
        self.content = content
        self.isSpecial = isSpecial
        isNormalized = !isSpecial
    }

    init(_ json: JSONValue, id: Int32) throws(TextError) {
        guard let content = json["content"]?.stringValue else { throw .malformed("added token \(json)") }
        self.init(id: id, content: content, isSpecial: json["special"]?.boolValue ?? false)
        singleWord = json["single_word"]?.boolValue ?? false
        stripsLeft = json["lstrip"]?.boolValue ?? false
        stripsRight = json["rstrip"]?.boolValue ?? false
        isNormalized = json["normalized"]?.boolValue ?? !isSpecial
    }
}

extension AddedToken {
    /// No vocabulary comes near the limit; tables are made as long as the largest id.
    static func checked(_ id: Int) throws(TextError) -> Int32 {
        guard (0..<1 << 24).contains(id) else { throw .malformed("token id \(id)") }
        return Int32(id)
    }
}

/// The added tokens of a tokenizer and how they are found.
struct AddedVocabulary: Sendable {
    private var tokens: [Int32: AddedToken] = [:]
    private var idOfContent: [[UInt8]: Int32] = [:]
    private var originalTrie = ByteTrie()
    private var normalizedTrie = ByteTrie()
    /// Whether special tokens in a text are ordinary text (`split_special_tokens`).
    private let readsSpecialTokensAsText: Bool

    /// Of tokens with the same content the first holds.
    init(_ list: [AddedToken], normalizer: (any Normalizer)?, readsSpecialTokensAsText: Bool) {
        self.readsSpecialTokensAsText = readsSpecialTokensAsText
        for token in list where !token.content.isEmpty && idOfContent[Array(token.content.utf8)] == nil {
            var content = Array(token.content.utf8)
            tokens[token.id] = token
            idOfContent[content] = token.id
            guard !(token.isSpecial && readsSpecialTokensAsText) else { continue }
            if token.isNormalized {
                normalizer?.normalize(&content)
                if !content.isEmpty { normalizedTrie.insert(content, value: token.id) }
            } else {
                originalTrie.insert(content, value: token.id)
            }
        }
    }

    var largestID: Int32? { tokens.keys.max() }
    var ids: [Int32] { tokens.keys.sorted() }

    func id(of content: [UInt8]) -> Int32? { idOfContent[content] }
    func text(of id: Int32) -> [UInt8]? { tokens[id].map { Array($0.content.utf8) } }
    func isSpecial(_ id: Int32) -> Bool { tokens[id]?.isSpecial ?? false }

    /// Splits out the tokens that are looked for before (`isNormalized` false) or after normalisation.
    func split(_ text: inout PreTokenizedText, isNormalized: Bool) {
        let trie = isNormalized ? normalizedTrie : originalTrie
        guard !trie.isEmpty else { return }
        text.split { bytes, emit in split(bytes, trie, emit) }
    }

    private func split(
        _ text: UnsafeBufferPointer<UInt8>, _ trie: ByteTrie, _ emit: (Range<Int>, Int32?) -> Void
    ) {
        var position = 0
        var emittedEnd = 0
        while position < text.count {
            guard let match = trie.longestMatch(in: text, at: position) else {
                position += 1
                continue
            }
            var range = position..<match.end
            position = match.end
            guard let token = tokens[match.value], !token.singleWord || standsAlone(range, text) else { continue }
            if token.stripsLeft {
                range = max(spaceStart(before: range.lowerBound, text), emittedEnd)..<range.upperBound
            }
            if token.stripsRight { range = range.lowerBound..<spaceEnd(after: range.upperBound, text) }
            if range.lowerBound > emittedEnd { emit(emittedEnd..<range.lowerBound, nil) }
            emit(range, match.value)
            emittedEnd = range.upperBound
        }
        if emittedEnd < text.count { emit(emittedEnd..<text.count, nil) }
    }

    private func standsAlone(_ range: Range<Int>, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        let words = UnicodeTables.words
        let before = range.lowerBound > 0 && words.contains(text.scalar(at: text.offset(before: range.lowerBound)).code)
        return !before && !(range.upperBound < text.count && words.contains(text.scalar(at: range.upperBound).code))
    }

    private func spaceStart(before offset: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int {
        var offset = offset
        while offset > 0, UnicodeTables.whitespace.contains(text.scalar(at: text.offset(before: offset)).code) {
            offset = text.offset(before: offset)
        }
        return offset
    }

    private func spaceEnd(after offset: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int {
        var offset = offset
        while offset < text.count, UnicodeTables.whitespace.contains(text.scalar(at: offset).code) {
            offset = text.scalar(at: offset).next
        }
        return offset
    }
}
