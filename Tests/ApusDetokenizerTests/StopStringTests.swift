import ApusCore
import ApusTestSupport
import ApusText
import ApusWire
import Testing

@testable import ApusDetokenizer

@Suite struct StopStringTests {
    private let tokenizer: Tokenizer

    init() throws {
        tokenizer = try TinyTokenizer.make()
    }

    /// How a request ends by the rules: after each token, the first stop of the list that the text contains.
    private struct Expected {
        var ids: [Int32]
        var text: String
        var finish: FinishReason
    }

    private func expected(_ ids: [Int32], stops: [String], noStopTrim: Bool, finish: FinishReason) -> Expected {
        for count in ids.indices.map({ $0 + 1 }) {
            let text = Array(TinyTokenizer.text(ids[..<count], skipSpecialTokens: false).utf8)
            for stop in stops {
                guard let start = firstIndex(of: Array(stop.utf8), in: text) else { continue }
                let kept = noStopTrim ? start + stop.utf8.count : start
                return Expected(
                    ids: Array(ids[..<count]), text: String(decoding: text[..<kept], as: UTF8.self),
                    finish: .stopString(stop))
            }
        }
        return Expected(ids: ids, text: TinyTokenizer.text(ids, skipSpecialTokens: false), finish: finish)
    }

    private func firstIndex(of needle: [UInt8], in text: [UInt8]) -> Int? {
        guard text.count >= needle.count else { return nil }
        return (0...(text.count - needle.count)).first { text[$0...].starts(with: needle) }
    }

    private func run(
        _ ids: [Int32], stops: [String], skip: Bool = false, noStopTrim: Bool = false,
        finish: FinishReason = .length(1000), sizes: () -> Int = { 1 }
    ) throws -> Harness.Reply {
        var harness = Harness(tokenizer)
        let opening = opening(stops: stops, skipSpecialTokens: skip, noStopTrim: noStopTrim)
        for update in updates(ids, opening: opening, finish: finish, sizes: sizes) { try harness.apply(update) }
        #expect(harness.gaps.isEmpty)
        #expect(harness.table.count == 0)
        return try #require(harness.replies["r"])
    }

    @Test func randomStopsEndRandomTextWhereTheRulesSay() throws {
        var random = SeededRandom(seed: 13)
        var stopped = 0
        for round in 0..<300 {
            let ids = (0..<Int.random(in: 1..<25, using: &random)).map { _ -> Int32 in
                [97, 98, 99, 258, 259, 260, 261, 262, 0xE6, 0x97, 0xA5, TinyTokenizer.tool]
                    .randomElement(using: &random)!
            }
            let stops = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                (0..<Int.random(in: 1...4, using: &random)).map { _ in
                    ["a", "b", "c", "日", "本", "<", "tool", ">"].randomElement(using: &random)!
                }.joined()
            }
            let noStopTrim = Bool.random(using: &random)
            let expected = expected(ids, stops: stops, noStopTrim: noStopTrim, finish: .length(1000))
            let reply = try run(ids, stops: stops, noStopTrim: noStopTrim) { Int.random(in: 1...4, using: &random) }
            #expect(reply.string == expected.text, "round \(round): \(ids), \(stops)")
            #expect(reply.ids == expected.ids, "round \(round)")
            #expect(reply.finish == expected.finish, "round \(round)")
            #expect(reply.usage.completionTokens == expected.ids.count)
            if case .stopString = reply.finish { stopped += 1 }
        }
        // The generator must make both kinds.
        #expect(stopped > 50 && stopped < 290)
    }

    @Test func textIsHeldOnlyWhileItMayStillBecomeAStop() throws {
        var random = SeededRandom(seed: 14)
        let stops = ["abcab", "bcc", "ca"]
        for _ in 0..<200 {
            let ids = (0..<20).map { _ in Int32.random(in: 97...99, using: &random) }
            var harness = Harness(tokenizer)
            for (index, update) in updates(ids, opening: opening(stops: stops)).enumerated() {
                try harness.apply(update)
                if harness.replies["r"]?.finish != nil { break }
                let text = ids[...index].map { UInt8($0) }
                let held = (0...text.count).first { start in
                    stops.contains { $0.utf8.starts(with: text[start...]) }
                }
                let shown = harness.replies["r"]?.text ?? []
                #expect(shown == Array(text[..<(held ?? text.count)]))
                #expect(harness.replies["r"]?.ids.count ?? 0 == shown.count)
            }
        }
    }

    @Test func aStopMayStraddleTokensAndUpdates() throws {
        let reply = try run([256, 257] + TinyTokenizer.bytes("!!"), stops: ["lo wor"])
        #expect(reply.string == " hel")
        #expect(reply.ids == [256, 257])
        #expect(reply.finish == .stopString("lo wor"))
        #expect(reply.usage.completionTokens == 2)
    }

    @Test func theFirstOfTheListWinsWithinOneToken() throws {
        #expect(try run([260], stops: ["bc", "ab"]).finish == .stopString("bc"))
        #expect(try run([260], stops: ["bc", "ab"]).string == "a")
        #expect(try run([260], stops: ["ab", "bc"]).string == "")
        // In two tokens, the one that is complete first.
        #expect(try run(TinyTokenizer.bytes("abc"), stops: ["bc", "ab"]).finish == .stopString("ab"))
    }

    @Test func aStopMaySpellASpecialToken() throws {
        let ids = TinyTokenizer.bytes("ok") + [TinyTokenizer.imEnd] + TinyTokenizer.bytes("more")
        for skip in [true, false] {
            let reply = try run(ids, stops: ["<|im_end|>"], skip: skip)
            #expect(reply.string == "ok")
            #expect(reply.ids == TinyTokenizer.bytes("ok") + [TinyTokenizer.imEnd])
            #expect(reply.finish == .stopString("<|im_end|>"))
        }
        #expect(try run(ids, stops: ["<|im_end|>"], skip: false, noStopTrim: true).string == "ok<|im_end|>")
        #expect(try run(ids, stops: ["<|im_end|>"], skip: true, noStopTrim: true).string == "ok")
        // Part of its text, and text on both of its sides.
        #expect(try run(ids, stops: ["k<|im"], skip: true).string == "o")
        #expect(try run(ids, stops: ["end|>m"], skip: true).string == "ok")
    }

    /// What the client reads must not contain it either.
    @Test func aHiddenTokenDoesNotHideAStop() throws {
        let ids = TinyTokenizer.bytes("a ST") + [TinyTokenizer.tool] + TinyTokenizer.bytes("OP b")
        let reply = try run(ids, stops: ["STOP"], skip: true)
        #expect(reply.string == "a ")
        #expect(reply.ids.count == 7)
        #expect(reply.finish == .stopString("STOP"))
        #expect(try run(ids, stops: ["STOP"], skip: true, noStopTrim: true).string == "a STOP")
        #expect(try run(ids, stops: ["STOP"], skip: false).finish == .length(1000))
        #expect(try run(Array(ids.prefix(5)), stops: ["STOP"], skip: true).string == "a ST")
    }

    /// The strings are looked for before the tokens are.
    @Test func aStopStringWinsOverTheStopTokenThatSpellsIt() throws {
        let ids = TinyTokenizer.bytes("ok") + [TinyTokenizer.imEnd]
        let stop = FinishReason.stopToken(TinyTokenizer.imEnd)
        let reply = try run(ids, stops: ["<|im_end|>"], skip: true, finish: stop)
        #expect(reply.finish == .stopString("<|im_end|>"))
        #expect(reply.string == "ok")
        #expect(try run(ids, stops: ["<|im_END|>"], skip: true, finish: stop).finish == stop)
    }

    @Test func anEmptyStopEndsAfterTheFirstToken() throws {
        let reply = try run(TinyTokenizer.bytes("abc"), stops: [""])
        #expect(reply.finish == .stopString(""))
        #expect(reply.string == "")
        #expect(reply.ids == [97])
    }

    @Test func whatLooksLikeAStopAtTheEndIsDelivered() throws {
        let reply = try run(TinyTokenizer.bytes("so STO"), stops: ["STOP"])
        #expect(reply.string == "so STO")
        #expect(reply.finish == .length(1000))
    }

    @Test func thePromptIsNotSearched() throws {
        var harness = Harness(tokenizer)
        let opening = opening(stops: ["ST", "STOP"], promptTail: TinyTokenizer.bytes("ST"))
        for update in updates(TinyTokenizer.bytes("OP"), opening: opening) { try harness.apply(update) }
        #expect(harness.replies["r"]?.string == "OP")
        #expect(harness.replies["r"]?.finish == .length(1000))
    }

    /// Equal by Unicode's rules is not equal here: models write bytes.
    @Test func stopsAreComparedByteByByte() throws {
        #expect(try run(TinyTokenizer.bytes("e\u{301}!"), stops: ["é"]).finish == .length(1000))
        #expect(try run(TinyTokenizer.bytes("cafe\u{301}!"), stops: ["e"]).string == "caf")
    }

    @Test func tokensAfterTheStopAreIgnoredUntilTheStreamIsForgotten() throws {
        var harness = Harness(tokenizer)
        let all = updates(TinyTokenizer.bytes("a.bcdef"), opening: opening(stops: ["."]))
        for update in all.dropLast() { try harness.apply(update) }
        #expect(harness.replies["r"]?.finish == .stopString("."))
        #expect(harness.deltas.count == 2)
        #expect(harness.gaps.isEmpty)
        #expect(harness.table.count == 1)
        harness.table.remove("r")
        #expect(harness.table.count == 0)
    }
}
