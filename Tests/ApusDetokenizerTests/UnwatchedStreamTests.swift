import ApusCore
import ApusTestSupport
import ApusText
import ApusWire
import Testing

@testable import ApusDetokenizer

/// Streams in which nothing is looked for take a shorter way, and say the same by it.
@Suite struct UnwatchedStreamTests {
    private let tokenizer: Tokenizer

    init() throws {
        tokenizer = try TinyTokenizer.make()
    }

    /// The watched one looks for what no token begins, so that it holds nothing back.
    @Test(arguments: [true, false]) func theyGiveTheDeltasOfThoseThatAreWatched(noStopTrim: Bool) throws {
        var random = SeededRandom(seed: 31)
        for round in 0..<300 {
            // Not the byte that is looked for, nor what is read as token 0.
            let ids = randomIDs(&random, count: Int.random(in: 0..<30, using: &random)).map { max($0, 2) }
            let updates = updates(of: ids, &random)
            let deltas = try [[], ["\u{1}"]].map { stops in
                var harness = Harness(tokenizer)
                for var update in updates {
                    if update.start == 0 { update.opening = opening(stops: stops, noStopTrim: noStopTrim) }
                    try harness.apply(update)
                }
                #expect(harness.gaps.isEmpty && harness.table.count == 0, "round \(round)")
                return harness.deltas
            }
            #expect(deltas[0] == deltas[1], "round \(round)")
            #expect(deltas[0].last?.finish == updates.last?.finish)
        }
    }

    /// Some begin before the end of the one before, some say nothing new, and some lack a part of what goes with tokens.
    private func updates(of ids: [Int32], _ random: inout SeededRandom) -> [TokenUpdate] {
        var updates: [TokenUpdate] = []
        let isStop = Bool.random(using: &random)
        let finish = isStop && !ids.isEmpty ? FinishReason.stopToken(ids[ids.count - 1]) : .length(ids.count)
        let (hasLogprobs, hasHidden) = (Bool.random(using: &random), Bool.random(using: &random))
        var end = 0
        repeat {
            let start = Int.random(in: 0..<3, using: &random) == 0 ? Int.random(in: 0...end, using: &random) : end
            end = min(ids.count, max(end, start + Int.random(in: 0...6, using: &random)))
            let isLast = end == ids.count && Bool.random(using: &random)
            var update = TokenUpdate(
                rid: "r", opening: nil, start: start, ids: Array(ids[start..<end]), finish: isLast ? finish : nil,
                usage: Usage(promptTokens: 4, cachedTokens: 1, completionTokens: end), timing: Timing())
            let known = Int.random(in: 0...3, using: &random) == 0 ? update.ids.count / 2 : update.ids.count
            if hasLogprobs {
                update.logprobs = (start..<start + known).map { TokenLogprobs(token: ids[$0], logprob: Float($0)) }
                update.promptLogprobs = start == 0 ? [TokenLogprobs(token: 1, logprob: nil)] : []
            }
            if hasHidden {
                update.hidden = (start..<start + known).map { HiddenState([Float($0)]) }
                update.promptHidden = start == 0 ? [HiddenState([-1])] : []
            }
            updates.append(update)
        } while updates.last?.finish == nil
        return updates
    }
}
