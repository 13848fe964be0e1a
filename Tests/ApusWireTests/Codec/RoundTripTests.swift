import ApusCore
import ApusTestSupport
import ApusWire
import Testing

@Suite struct RoundTripTests {
    private static let rounds = 1000

    private func check<Message: WireMessage & Equatable>(
        _ make: (inout RandomMessages) -> Message, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        var messages = RandomMessages(seed: 1)
        for _ in 0..<Self.rounds {
            let message = make(&messages)
            #expect(try Message.decoded(message.encoded()) == message, sourceLocation: sourceLocation)
        }
    }

    @Test func everyMessageComesBackAsItWas() throws {
        try check { $0.frontToScheduler() }
        try check { $0.schedulerToDetokenizer() }
        try check { $0.detokenizerToFront() }
        try check { $0.schedulerToFront() }
        try check { $0.toFront() }
    }

    @Test func aFrontReadsTheFramesOfBothItsSenders() throws {
        var messages = RandomMessages(seed: 2)
        for _ in 0..<100 {
            let fromScheduler = messages.schedulerToFront()
            #expect(try ToFront.decoded(fromScheduler.encoded()) == .scheduler(fromScheduler))
            let fromDetokenizer = messages.detokenizerToFront()
            #expect(try ToFront.decoded(fromDetokenizer.encoded()) == .detokenizer(fromDetokenizer))
        }
    }

    @Test func aPromptOfAMillionTokensFitsInAFrame() throws {
        let ids = (0..<1_000_000).map { Int32($0 % 150_000) }
        let message = FrontToScheduler.generate(GenerateRequest(rid: "long", schedulerEpoch: 1, inputIDs: ids))
        let frame = message.encoded()
        #expect(frame.count < 4_000_300)
        #expect(frame.count < WireFormat.maximumFrameByteCount)
        #expect(try FrontToScheduler.decoded(frame) == message)
    }

    /// Some versions begin as others do, and some streams have several or none.
    @Test func eachStreamKeepsItsOwnWeights() throws {
        let spans = ["v", "v1", ""].map { WeightSpan(version: $0, start: 0) }
        let lists = [[spans[0]], [spans[0]], [spans[1]], [], [spans[2]], [spans[0], spans[1]], [spans[0]], []]
        let deltas = lists.enumerated().map { index, weights in
            TextDelta(
                rid: "\(index)", start: 0, ids: [1], textStart: 0, text: "a",
                usage: Usage(promptTokens: 1, weights: weights), timing: Timing())
        }
        let message = DetokenizerToFront.deltas(deltas)
        #expect(try DetokenizerToFront.decoded(message.encoded()) == message)
    }

    /// The same dictionary must not encode differently from run to run.
    @Test func logitBiasesTravelInOrder() throws {
        var forwards = SamplingParameters()
        var backwards = SamplingParameters()
        for token in Int32(0)..<100 { forwards.logitBias[token] = Float(token) }
        for token in (Int32(0)..<100).reversed() { backwards.logitBias[token] = Float(token) }
        func frame(_ sampling: SamplingParameters) -> [UInt8] {
            let request = GenerateRequest(rid: "a", schedulerEpoch: 1, inputIDs: [1], sampling: sampling)
            return FrontToScheduler.generate(request).encoded()
        }
        #expect(frame(forwards) == frame(backwards))
    }

    @Test func halvesOfABatchAreTheBatch() throws {
        var messages = RandomMessages(seed: 3)
        for _ in 0..<300 {
            let message = messages.schedulerToDetokenizer()
            switch (message, message.halves()) {
            case (.tokens(let all), (.tokens(let first), .tokens(let second))?): #expect(first + second == all)
            case (.forget(let all), (.forget(let first), .forget(let second))?): #expect(first + second == all)
            case (.tokens(let all), nil): #expect(all.count < 2)
            case (.forget(let all), nil): #expect(all.count < 2)
            case (.hello, nil), (.configureLogging, nil): break
            default: Issue.record("\(message) was split wrongly")
            }
        }
    }
}
