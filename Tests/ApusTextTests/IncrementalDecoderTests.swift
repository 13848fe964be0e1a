import ApusCore
import Testing

@testable import ApusText

@Suite struct IncrementalDecoderTests {
    /// The text of `ids` after a prompt, token by token.
    private func stream(_ tokenizer: Tokenizer, _ prompt: [Int32], _ ids: [Int32], skip: Bool) -> String {
        var decoder = IncrementalDecoder(
            tokenizer: tokenizer, promptTail: Array(prompt.suffix(5)), skipSpecialTokens: skip)
        var text = ids.reduce(into: "") { $0 += decoder.append($1) }
        text += decoder.finish()
        return text
    }

    /// What a client expects: all text, less that of the prompt.
    private func whole(_ tokenizer: Tokenizer, _ prompt: [Int32], _ ids: [Int32], skip: Bool) -> String {
        let length = tokenizer.decode(prompt, skipSpecialTokens: skip).unicodeScalars.count
        return String(tokenizer.decode(prompt + ids, skipSpecialTokens: skip).unicodeScalars.dropFirst(length))
    }

    /// The id of a byte, in a byte-level vocabulary or in one that falls back to bytes.
    private func byte(_ byte: UInt8, _ tokenizer: Tokenizer) throws -> Int32 {
        if let id = tokenizer.tokenToID(ByteToken.text(byte)) { return id }
        var text: [UInt8] = []
        ByteLevelAlphabet.append(byte, to: &text)
        return try #require(tokenizer.model.vocabulary.id(of: text))
    }

    /// For texts as people write them, whatever the vocabulary does to its tokens.
    @Test(arguments: ["llama3", "qwen2", "roberta", "o200k", "deepseek", "unigram_bytes", "llama2", "gemma"])
    func streamsJoinToTheWholeText(_ name: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(name)
        var generator = SplitMix64(seed: 21)
        for (index, text) in TokenizerFixtures.corpus.enumerated() where index % 40 == 0 {
            let ids = tokenizer.encode(text, addSpecialTokens: false)
            var border = Int(generator.next() % UInt64(ids.count + 1))
            // Between characters; what happens within one is tested below.
            let all = tokenizer.decode(ids, skipSpecialTokens: true)
            while !all.utf8.starts(with: tokenizer.decode(ids[..<border], skipSpecialTokens: true).utf8) { border -= 1 }
            let prompt = Array(ids[..<border])
            let output = Array(ids[border...])
            let skip = generator.next() % 2 == 0
            #expect(
                stream(tokenizer, prompt, output, skip: skip) == whole(tokenizer, prompt, output, skip: skip),
                "string \(index), prompt of \(border)")
        }
    }

    /// Byte-level vocabularies: for any ids at all.
    @Test(arguments: ["llama3", "qwen2", "roberta", "o200k", "deepseek"])
    func streamsOfRandomTokensJoinToTheWholeText(_ name: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(name)
        var generator = SplitMix64(seed: 22)
        for round in 0..<300 {
            let ids = TokenizerFixtures.randomSequence(&generator, below: tokenizer.vocabularySize)
            let skip = round % 2 == 0
            #expect(stream(tokenizer, [], ids, skip: skip) == tokenizer.decode(ids, skipSpecialTokens: skip))
        }
    }

    @Test(arguments: ["llama3", "llama2"]) func charactersArriveWhole(_ name: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(name)
        for text in ["naïve 日本語 👩‍👩‍👧 שָׁלוֹם e\u{301}", "🇩🇪🏴󠁧󠁢󠁥󠁮󠁧󠁿", "𝔘𝔫𝔦 ꙮ \u{FFFD} end"] {
            var decoder = IncrementalDecoder(tokenizer: tokenizer, promptTail: [], skipSpecialTokens: true)
            var shown = ""
            for id in tokenizer.encode(text, addSpecialTokens: false) {
                shown += decoder.append(id)
                #expect(text.utf8.starts(with: shown.utf8), "\(shown)")
            }
            shown += decoder.finish()
            #expect(Array(shown.utf8) == Array(text.utf8))
        }
    }

    @Test(arguments: ["llama3", "llama2"]) func aCharacterThatThePromptBeganBelongsToThePrompt(_ name: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(name)
        let euro = try [0xE2, 0x82, 0xAC].map { try byte($0, tokenizer) }
        for border in 1...2 {
            // The tail of the prompt begins within a character too.
            for before in [[], euro, Array(euro.dropFirst())] {
                let prompt = before + euro[..<border]
                let rest = Array(euro[border...])
                #expect(stream(tokenizer, prompt, rest + euro + euro, skip: true) == "€€")
                #expect(stream(tokenizer, prompt, euro, skip: true) == "€")
                #expect(stream(tokenizer, prompt, rest, skip: true) == "")
                #expect(stream(tokenizer, prompt, [], skip: true) == "")
            }
        }
    }

    /// A stream that is no text must not grow the state, nor be withheld for ever.
    @Test(arguments: ["llama3", "llama2"]) func bytesThatAreNoTextComeOut(_ name: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(name)
        for value: UInt8 in [0xFF, 0x80] {
            let id = try byte(value, tokenizer)
            var decoder = IncrementalDecoder(tokenizer: tokenizer, promptTail: [], skipSpecialTokens: true)
            var count = 0
            for _ in 0..<1000 { count += decoder.append(id).unicodeScalars.count }
            #expect(count > 900)
            #expect(count + decoder.finish().unicodeScalars.count == 1000)
        }
    }
}
