import ApusTestSupport
import Testing

@testable import ApusText

@Suite struct IncrementalDecoderRuleTests {
    /// The joined text is that of the rule: decode the ids since the last clean border after those before them, take
    /// away what those give alone; a border is clean when the rest is not empty and does not end with U+FFFD.
    @Test(arguments: ["qwen2", "llama2", "gemma", "xlmr", "unigram_bytes", "bert"], [true, false])
    func joinsToTheTextOfTheRule(_ name: String, _ skipsSpecialTokens: Bool) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(name)
        var random = SeededRandom(seed: 21)
        for round in 0..<80 {
            var ids: [Int32]
            if round % 4 == 0 {
                ids = (0..<20).map { _ in Int32.random(in: 0..<Int32(tokenizer.vocabularySize), using: &random) }
            } else {
                let text = TokenizerFixtures.corpus[Int.random(in: 60..<10_000, using: &random)]
                ids = tokenizer.encode(text, addSpecialTokens: true)
            }
            var split = Int.random(in: 0...ids.count, using: &random)
            // Prompts that end, or whose last five tokens begin, within a run of byte tokens have rules of their own.
            while split > 0,
                ids[max(split - 6, 0)...min(split, ids.count - 1)].contains(where: { isByte($0, tokenizer) })
            { split -= 1 }
            let prompt = Array(ids[..<split].suffix(5))
            let output = Array(ids[split...])

            var decoder = IncrementalDecoder(
                tokenizer: tokenizer, promptTail: prompt, skipSpecialTokens: skipsSpecialTokens)
            var text = ""
            for id in output { text += decoder.append(id) }
            text += decoder.finish()
            let expected = rule(tokenizer, prompt, output, skipsSpecialTokens)
            #expect(text.unicodeScalars.elementsEqual(expected.unicodeScalars), "prompt \(prompt), output \(output)")
        }
    }

    /// Whether a token is no whole text by itself.
    private func isByte(_ id: Int32, _ tokenizer: Tokenizer) -> Bool {
        tokenizer.tokenBytes(id).map { String(validating: $0, as: UTF8.self) == nil || $0.count == 1 && $0[0] > 127 }
            ?? false
    }

    private func rule(
        _ tokenizer: Tokenizer, _ prompt: [Int32], _ output: [Int32], _ skipsSpecialTokens: Bool
    ) -> String {
        var (ids, start, read) = (prompt, 0, prompt.count)
        var (text, new) = ("", "")
        for id in output {
            ids.append(id)
            let known = tokenizer.decode(ids[start..<read], skipSpecialTokens: skipsSpecialTokens).unicodeScalars.count
            let all = tokenizer.decode(ids[start...], skipSpecialTokens: skipsSpecialTokens)
            new = String(all.unicodeScalars.dropFirst(known))
            if !new.isEmpty, new.unicodeScalars.last != "\u{FFFD}" {
                text.unicodeScalars += new.unicodeScalars
                (start, read, new) = (read, ids.count, "")
            }
        }
        text.unicodeScalars += new.unicodeScalars
        return text
    }

    @Test func charactersOfManyTokensComeWhole() throws {
        let tokenizer = try TokenizerFixtures.tokenizer("llama2")
        let ids = "é😀".utf8.map { tokenizer.tokenToID(ByteToken.text($0))! }
        var decoder = IncrementalDecoder(tokenizer: tokenizer, promptTail: [], skipSpecialTokens: true)
        #expect(ids.map { decoder.append($0) } == ["", "é", "", "", "", "😀"])
        #expect(decoder.finish() == "")
    }
}
