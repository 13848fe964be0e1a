import ApusJSON
import ApusTestSupport
import Testing

@testable import ApusText

@Suite struct TokenizerTests {
    @Test func answersAboutItsVocabulary() throws {
        let tokenizer = try TokenizerFixtures.tokenizer("llama3")
        #expect(tokenizer.vocabularySize == 1105)
        #expect(tokenizer.tokenToID("<|eot_id|>") == 1103)
        #expect(tokenizer.idToToken(1103) == "<|eot_id|>")
        #expect(tokenizer.isSpecial(1103) && !tokenizer.isSpecial(5))
        #expect(tokenizer.tokenToID("no such token") == nil)
        #expect(tokenizer.idToToken(1105) == nil && tokenizer.idToToken(-1) == nil)
        #expect(tokenizer.additionalStopTokenIDs == [1104])
        #expect(tokenizer.bosTokenID == nil)
        let space = try #require(tokenizer.tokenToID("Ġ"))
        #expect(tokenizer.tokenBytes(space) == [0x20])
        #expect(tokenizer.tokenBytes(1105) == nil)
    }

    @Test func tokenBytesAreWhatATokenAdds() throws {
        let llama2 = try TokenizerFixtures.tokenizer("llama2")
        #expect(llama2.tokenBytes(try #require(llama2.tokenToID("<0xE2>"))) == [0xE2])
        #expect(llama2.tokenBytes(try #require(llama2.tokenToID("▁a"))) == Array(" a".utf8))
        let bert = try TokenizerFixtures.tokenizer("bert")
        #expect(bert.tokenBytes(try #require(bert.tokenToID("##s"))) == Array("s".utf8))
        #expect(bert.tokenBytes(try #require(bert.tokenToID("s"))) == Array(" s".utf8))
        for name in TokenizerFixtures.names {
            let tokenizer = try TokenizerFixtures.tokenizer(name)
            for id in 0..<Int32(tokenizer.vocabularySize) where tokenizer.idToToken(id) != nil {
                #expect(tokenizer.tokenBytes(id) != nil)
            }
        }
    }

    @Test func encodesAlikeOnManyThreads() async throws {
        let tokenizer = try TokenizerFixtures.tokenizer("qwen2")
        let texts = Array(TokenizerFixtures.corpus[100..<400])
        let expected = texts.map { tokenizer.encode($0, addSpecialTokens: false) }
        try await withThrowingTaskGroup(of: [[Int32]].self) { group in
            for _ in 0..<4 {
                group.addTask { texts.map { tokenizer.encode($0, addSpecialTokens: false) } }
            }
            for try await ids in group { #expect(ids == expected) }
        }
    }

    /// The reference's reader of numbers is off the nearest double here.
    @Test func unigramScoresAreReadAsTheReferenceReadsThem() {
        #expect(UnigramModel.asReferenceReads(-11.498081557296393) == -11.498081557296391)
        #expect(UnigramModel.asReferenceReads(-2.5) == -2.5)
        #expect(UnigramModel.asReferenceReads(0) == 0)
        #expect(UnigramModel.asReferenceReads(1e-7) == 1e-7)
        #expect(UnigramModel.asReferenceReads(-1e20) == -1e20)
    }

    /// truncation.json: what the reference keeps of pairs of texts, longest first.
    @Test func truncatesPairsAsTheReference() throws {
        let tokenizer = try TokenizerFixtures.tokenizer("bert")
        let rows = try JSONValue(parsing: TokenizerFixtures.bytes("truncation.json")).arrayValue ?? []
        #expect(rows.count == 343)
        for row in rows.compactMap({ $0.arrayValue?.compactMap(\.intValue) }) {
            let encoding = tokenizer.encodePair(
                String(repeating: "s ", count: row[0]), String(repeating: "s ", count: row[1]),
                addSpecialTokens: true, maximumLength: row[2])
            let kept = [0, 1].map { segment in encoding.typeIDs.count { $0 == segment } }
            #expect(kept == Array(row[3...]), "\(row)")
        }
        #expect(tokenizer.encodeSingle("s s s s", addSpecialTokens: true, maximumLength: 4).ids.count == 4)
        #expect(tokenizer.encodeSingle("s s s s", addSpecialTokens: false, maximumLength: 3).ids.count == 3)
        #expect(tokenizer.encodeSingle("s s", addSpecialTokens: true, maximumLength: 1).ids.count == 2)
    }

    /// Whole texts are one word to Llama 2's tokenizer: merging is not quadratic, and loses nothing.
    @Test(arguments: ["a", "\u{316}\u{301}", "1", " ", "😀", "the "])
    func longWordsRoundTrip(_ unit: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer("llama2")
        let text = String(repeating: unit, count: 10_000)
        #expect(tokenizer.decode(tokenizer.encode(text, addSpecialTokens: false), skipSpecialTokens: false) == text)
    }
}

/// Hostile and damaged tokenizer files: refused or usable, never a trap.
@Suite struct TokenizerFuzzTests {
    @Test(arguments: ["roberta", "bert", "xlmr", "llama2", "mixed"])
    func survivesDamagedFiles(_ name: String) throws {
        let whole = try JSONValue(parsing: TokenizerFixtures.bytes(name + ".json"))
        var random = SeededRandom(seed: 31)
        var (refused, usable) = (0, 0)
        for _ in 0..<30 {
            let damaged = random.damaging(whole)
            do {
                let tokenizer = try Tokenizer(json: damaged)
                usable += 1
                for text in ["", "aab é 12 <mask> ab\n", "😀 [MASK]"] {
                    let ids = tokenizer.encodePair(text, "b", addSpecialTokens: true).ids
                    _ = tokenizer.decode(ids + [0, 5, 99, -1, .max], skipSpecialTokens: true)
                }
            } catch {
                refused += 1
            }
        }
        #expect(refused > 0 && usable > 0)
    }
}

extension SeededRandom {
    /// `value` with one node, somewhere, replaced or removed.
    fileprivate mutating func damaging(_ value: JSONValue) -> JSONValue {
        let junk: [JSONValue] = [
            .null, true, -1, 0, 7, 99_999_999, .integer(.max), 1e300, "", "▁", "(", "[a", "Sequence", "AAAA", [], [1],
            [:],
            ["type": "NFC"], ["id": 3], ["Regex": "(?:a*)*"],
        ]
        switch value {
        case .array(var elements) where !elements.isEmpty && Int.random(in: 0..<8, using: &self) > 0:
            let index = Int.random(in: 0..<elements.count, using: &self)
            elements[index] = damaging(elements[index])
            return .array(elements)
        case .object(var object) where !object.isEmpty && Int.random(in: 0..<8, using: &self) > 0:
            let key = object.keys.randomElement(using: &self)!
            if Int.random(in: 0..<6, using: &self) == 0 {
                object[key] = nil
            } else {
                object.updateValue(damaging(object[key]!), forKey: key)
            }
            return .object(object)
        default: return junk.randomElement(using: &self)!
        }
    }
}
