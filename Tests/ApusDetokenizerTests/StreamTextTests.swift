import ApusCore
import ApusTestSupport
import ApusText
import ApusWire
import Testing

@testable import ApusDetokenizer

/// What clients read is the text of all tokens, however it was cut up on the way.
@Suite struct StreamTextTests {
    private let tokenizer: Tokenizer

    init() throws {
        tokenizer = try TinyTokenizer.make()
    }

    @Test(arguments: [true, false]) func deltasJoinToTheWholeText(_ skipSpecialTokens: Bool) throws {
        var random = SeededRandom(seed: 11)
        for round in 0..<150 {
            let ids = randomIDs(&random, count: Int.random(in: 0..<40, using: &random))
            var harness = Harness(tokenizer)
            let opening = opening(skipSpecialTokens: skipSpecialTokens)
            let most = Int.random(in: 1...8, using: &random)
            for update in updates(ids, opening: opening, sizes: { Int.random(in: 1...most, using: &random) }) {
                try harness.apply(update)
            }
            let reply = try #require(harness.replies["r"])
            #expect(reply.string == TinyTokenizer.text(ids, skipSpecialTokens: skipSpecialTokens), "round \(round)")
            #expect(reply.ids == ids)
            #expect(reply.finish == .length(1000))
            #expect(reply.usage == Usage(promptTokens: 4, cachedTokens: 1, completionTokens: ids.count))
            #expect(harness.table.count == 0)
        }
    }

    @Test(arguments: ["👩‍👩‍👧 ok", "日本語です", "שָׁלוֹם", "e\u{301}a\u{300}", "🇩🇪🇯🇵", "\u{FFFD}", "a\u{FFFD}b", "é\n", "中 文"])
    func noCharacterIsShownInParts(_ text: String) throws {
        let ids = TinyTokenizer.bytes(text)
        var harness = Harness(tokenizer)
        var shown: [UInt8] = []
        for update in updates(ids, opening: opening()) {
            try harness.apply(update)
            shown = harness.replies["r"]?.text ?? []
            #expect(Array(text.utf8).starts(with: shown), "\(String(decoding: shown, as: UTF8.self))")
        }
        #expect(shown == Array(text.utf8))
    }

    @Test func textThatEndsWithinACharacterEndsWithTheReplacementCharacter() throws {
        var harness = Harness(tokenizer)
        for update in updates(TinyTokenizer.bytes("ok") + [0xE6, 0x97], opening: opening()) {
            try harness.apply(update)
        }
        #expect(harness.replies["r"]?.string == "ok\u{FFFD}")
        #expect(harness.deltas.last?.text == "\u{FFFD}")
    }

    @Test func asciiTextIsNotHeldBack() throws {
        var harness = Harness(tokenizer)
        for (count, update) in updates(TinyTokenizer.bytes("plain words"), opening: opening()).enumerated() {
            try harness.apply(update)
            // A word may be held until its end is seen, but a whole word never.
            let shown = harness.replies["r"]?.text.count ?? 0
            if count >= 6 { #expect(shown >= "plain".utf8.count) }
        }
    }

    @Test func theStopTokenLeavesNoTextUnlessAskedFor() throws {
        let ids = TinyTokenizer.bytes("ok") + [TinyTokenizer.imEnd]
        func text(skip: Bool, noStopTrim: Bool, finish: FinishReason, ids: [Int32] = ids) throws -> String? {
            var harness = Harness(tokenizer)
            let opening = opening(skipSpecialTokens: skip, noStopTrim: noStopTrim)
            for update in updates(ids, opening: opening, finish: finish) { try harness.apply(update) }
            #expect(harness.replies["r"]?.ids == ids)
            #expect(harness.replies["r"]?.finish == finish)
            return harness.replies["r"]?.string
        }
        let stop = FinishReason.stopToken(TinyTokenizer.imEnd)
        #expect(try text(skip: true, noStopTrim: false, finish: stop) == "ok")
        #expect(try text(skip: false, noStopTrim: false, finish: stop) == "ok")
        #expect(try text(skip: true, noStopTrim: true, finish: stop) == "ok")
        #expect(try text(skip: false, noStopTrim: true, finish: stop) == "ok<|im_end|>")
        #expect(try text(skip: false, noStopTrim: false, finish: .length(3)) == "ok<|im_end|>")
        // An ordinary token may be a stop token too.
        let word = TinyTokenizer.bytes("ok") + [257]
        #expect(try text(skip: true, noStopTrim: false, finish: .stopToken(257), ids: word) == "ok")
        #expect(try text(skip: true, noStopTrim: true, finish: .stopToken(257), ids: word) == "ok world")
    }

    @Test func idsOutsideTheVocabularyAreReadAsTheFirstToken() throws {
        var harness = Harness(tokenizer)
        let ids: [Int32] = [97, -1, 98, .max, Int32(TinyTokenizer.count), .min]
        for update in updates(ids, opening: opening()) { try harness.apply(update) }
        #expect(harness.replies["r"]?.string == "a\0b\0\0\0")
        #expect(harness.replies["r"]?.ids == ids)
    }

    @Test func aRequestWithoutTokensEnds() throws {
        var harness = Harness(tokenizer)
        for update in updates([], opening: opening(stops: ["x"]), finish: .length(0)) { try harness.apply(update) }
        #expect(harness.replies["r"]?.finish == .length(0))
        #expect(harness.replies["r"]?.string == "")
        #expect(harness.table.count == 0)
    }

    @Test func logprobsTravelWithTheirTokens() throws {
        var random = SeededRandom(seed: 12)
        for stops in [[], ["bca", "ello w"]] {
            let ids = randomIDs(&random, count: 60, specials: false)
            let prompt = [TokenLogprobs(token: 1, logprob: nil), TokenLogprobs(token: 2, logprob: -0.5)]
            var harness = Harness(tokenizer)
            for var update in updates(
                ids, opening: opening(stops: stops), sizes: { Int.random(in: 1...5, using: &random) })
            {
                update.logprobs = update.ids.enumerated().map {
                    TokenLogprobs(token: $0.element, logprob: Float(update.start + $0.offset))
                }
                if update.start == 0 { update.promptLogprobs = prompt }
                try harness.apply(update)
            }
            let reply = try #require(harness.replies["r"])
            #expect(reply.logprobs.map(\.token) == reply.ids)
            #expect(reply.logprobs.map(\.logprob) == reply.ids.indices.map { Float($0) })
            #expect(reply.promptLogprobs == prompt)
        }
    }
}
