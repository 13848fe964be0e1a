import ApusCore
import ApusTestSupport
import ApusText
import ApusWire
import Testing

@testable import ApusDetokenizer

/// A stream table and what it said, request by request, put together as the front does it.
struct Harness {
    /// What the front knows of one request.
    struct Reply: Equatable {
        var ids: [Int32] = []
        var text: [UInt8] = []
        var logprobs: [TokenLogprobs] = []
        var promptLogprobs: [TokenLogprobs] = []
        var hidden: [HiddenState] = []
        var promptHidden: [HiddenState] = []
        var finish: FinishReason?
        var usage = Usage(promptTokens: 0)

        var string: String { String(decoding: text, as: UTF8.self) }
    }

    var table: StreamTable
    var replies: [String: Reply] = [:]
    var deltas: [TextDelta] = []
    var gaps: [String] = []
    /// Monotonic seconds, as the table sees them.
    var now = 100.0

    init(_ tokenizer: Tokenizer, capacity: Int = 1000) {
        table = StreamTable(tokenizer: tokenizer, capacity: capacity)
    }

    mutating func apply(_ update: TokenUpdate) throws {
        var batch = OutgoingBatch()
        table.apply(update, now: now, &batch)
        gaps += batch.gaps
        deltas += batch.deltas
        for delta in batch.deltas { try take(delta) }
    }

    private mutating func take(_ delta: TextDelta) throws {
        var reply = replies[delta.rid] ?? Reply()
        guard reply.finish == nil else { return }
        try #require(delta.start <= reply.ids.count && delta.textStart <= reply.text.count, "a delta has a gap")
        reply.ids += delta.ids.dropFirst(reply.ids.count - delta.start)
        reply.text += Array(delta.text.utf8).dropFirst(reply.text.count - delta.textStart)
        reply.logprobs += delta.logprobs
        reply.promptLogprobs += delta.promptLogprobs
        reply.hidden += delta.hidden
        reply.promptHidden += delta.promptHidden
        reply.finish = delta.finish
        reply.usage = delta.usage
        replies[delta.rid] = reply
    }
}

/// An opening with the given stops.
func opening(
    stops: [String] = [], regexes: [String] = [], promptTail: [Int32] = TinyTokenizer.bytes("Hi: "),
    skipSpecialTokens: Bool = true,
    noStopTrim: Bool = false
) -> StreamOpening {
    StreamOpening(
        promptTail: promptTail, stopStrings: stops, stopRegexes: regexes, skipSpecialTokens: skipSpecialTokens,
        noStopTrim: noStopTrim, stream: true)
}

/// Cuts a request's tokens into updates of the given sizes; the last one carries the finish reason.
func updates(
    _ ids: [Int32], rid: String = "r", opening: StreamOpening, finish: FinishReason = .length(1000),
    sizes: () -> Int = { 1 }
) -> [TokenUpdate] {
    var updates: [TokenUpdate] = []
    var start = 0
    repeat {
        let end = min(ids.count, start + max(1, sizes()))
        updates.append(
            TokenUpdate(
                rid: rid, opening: start == 0 ? opening : nil, start: start, ids: Array(ids[start..<end]),
                finish: end == ids.count ? finish : nil,
                usage: Usage(promptTokens: 4, cachedTokens: 1, completionTokens: end), timing: Timing()))
        start = end
    } while start < ids.count
    return updates
}

/// Random ids with many pieces of characters and, now and then, a special token.
func randomIDs(_ random: inout SeededRandom, count: Int, specials: Bool = true) -> [Int32] {
    (0..<count).map { _ in
        switch Int.random(in: 0..<10, using: &random) {
        case 0: Int32.random(in: 0..<256, using: &random)
        case 1, 2: Int32.random(in: 97..<100, using: &random)
        case 3 where specials: Int32.random(in: TinyTokenizer.end...TinyTokenizer.tool, using: &random)
        default: Int32.random(in: 256..<TinyTokenizer.end, using: &random)
        }
    }
}
