import ApusCore
import ApusTestSupport
import ApusText
import ApusWire
import Testing

@testable import ApusDetokenizer

@Suite struct StreamTableTests {
    private let tokenizer: Tokenizer

    init() throws {
        tokenizer = try TinyTokenizer.make()
    }

    @Test func aStreamSentAgainGivesTheSameReply() throws {
        var random = SeededRandom(seed: 15)
        for _ in 0..<120 {
            let ids = randomIDs(&random, count: 30)
            let opening = opening(stops: ["abca", "世"], skipSpecialTokens: Bool.random(using: &random))
            let all = updates(ids, opening: opening) { Int.random(in: 1...4, using: &random) }
            var undisturbed = Harness(tokenizer)
            for update in all { try undisturbed.apply(update) }

            // A detokenizer that dies in the middle: its successor knows nothing, the front keeps what it has.
            var harness = Harness(tokenizer)
            for update in all.prefix(Int.random(in: 0...all.count, using: &random)) { try harness.apply(update) }
            harness.table = Harness(tokenizer).table
            for update in updates(ids, opening: opening, sizes: { Int.random(in: 1...30, using: &random) }) {
                try harness.apply(update)
            }
            #expect(harness.replies == undisturbed.replies)
            #expect(harness.gaps.isEmpty)
        }
    }

    @Test func tokensThatComeTwiceCountOnce() throws {
        var random = SeededRandom(seed: 16)
        let ids = randomIDs(&random, count: 50)
        var harness = Harness(tokenizer)
        var end = 0
        while end < ids.count {
            let start = end == 0 ? 0 : Int.random(in: 1...end, using: &random)
            end = min(ids.count, max(end, start + Int.random(in: 0...6, using: &random)))
            let usage = Usage(promptTokens: 1, completionTokens: end)
            try harness.apply(
                TokenUpdate(
                    rid: "r", opening: start == 0 ? opening() : nil, start: start, ids: Array(ids[start..<end]),
                    finish: end == ids.count ? .length(50) : nil, usage: usage, timing: Timing()))
        }
        #expect(harness.replies["r"]?.ids == ids)
        #expect(harness.replies["r"]?.string == TinyTokenizer.text(ids, skipSpecialTokens: true))
        #expect(harness.gaps.isEmpty)
    }

    @Test func missingTokensAreReportedAndThenWaitedFor() throws {
        let ids = TinyTokenizer.bytes("abcdefgh")
        let all = updates(ids, opening: opening())
        var harness = Harness(tokenizer)
        try harness.apply(all[0])
        try harness.apply(all[2])
        #expect(harness.gaps == ["r"])
        try harness.apply(all[3])
        #expect(harness.gaps == ["r"])
        // The report or its answer may have been lost.
        harness.now += 1.5
        try harness.apply(all[4])
        #expect(harness.gaps == ["r", "r"])
        for update in all { try harness.apply(update) }
        #expect(harness.replies["r"]?.string == "abcdefgh")
        #expect(harness.gaps == ["r", "r"])
        #expect(harness.table.count == 0)
    }

    @Test func aStreamWithoutItsStartIsReported() throws {
        var harness = Harness(tokenizer)
        let all = updates(TinyTokenizer.bytes("abc"), opening: opening())
        try harness.apply(all[1])
        try harness.apply(all[2])
        #expect(harness.gaps == ["r"])
        #expect(harness.deltas.isEmpty)
        for update in all { try harness.apply(update) }
        #expect(harness.replies["r"]?.string == "abc")
    }

    @Test func nonsensicalPositionsAreGaps() throws {
        var harness = Harness(tokenizer)
        try harness.apply(updates(TinyTokenizer.bytes("abc"), opening: opening())[0])
        for start in [Int.min, -1, Int.max] {
            harness.now += 10
            try harness.apply(
                TokenUpdate(
                    rid: "r", opening: nil, start: start, ids: [1], usage: Usage(promptTokens: 1), timing: Timing()))
        }
        #expect(harness.gaps == ["r", "r", "r"])
    }

    @Test func theOldestStreamEndsWithAnErrorWhenThereAreTooMany() throws {
        var harness = Harness(tokenizer, capacity: 3)
        let ids = TinyTokenizer.bytes("ab")
        func first(_ rid: String) -> TokenUpdate { updates(ids, rid: rid, opening: opening())[0] }
        func second(_ rid: String) -> TokenUpdate { updates(ids, rid: rid, opening: opening())[1] }
        for rid in ["a", "b", "c"] { try harness.apply(first(rid)) }
        // Sent again, `a` is the youngest.
        try harness.apply(first("a"))
        try harness.apply(first("d"))
        #expect(harness.table.count == 3)
        guard case .abort(let message, let status, _)? = harness.replies["b"]?.finish else {
            Issue.record("b was not given up: \(harness.replies)")
            return
        }
        #expect(message.contains("SGLANG_DETOKENIZER_MAX_STATES"))
        #expect(status == 500)
        for rid in ["a", "c", "d"] {
            try harness.apply(second(rid))
            #expect(harness.replies[rid]?.string == "ab")
        }
        #expect(harness.table.count == 0)
    }

    @Test func streamsThatComeAndGoLeaveNothing() throws {
        var harness = Harness(tokenizer, capacity: 8)
        for number in 0..<5000 {
            for update in updates(TinyTokenizer.bytes("ab"), rid: String(number), opening: opening()) {
                try harness.apply(update)
            }
            harness.replies = [:]
            harness.deltas = []
        }
        #expect(harness.table.count == 0)
        #expect(harness.table.orderCount <= 128)
    }
}
