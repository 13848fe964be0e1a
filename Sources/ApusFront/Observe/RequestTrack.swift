import ApusCore
import ApusWire

/// What is noted of one sample on its way, from its entry on the board to its one ending. Times in Unix seconds.
struct RequestTrack: Sendable {
    let call: HTTPCall
    /// The id that the client knows.
    let rid: String
    /// When it was understood and its tokenising began.
    let openedAt: Double
    /// 0: the scheduler was not told of it.
    private(set) var dispatchedAt = 0.0
    private(set) var isStream = false
    /// Its output obeys a grammar.
    private(set) var isStructured = false
    private(set) var promptTokens = 0
    /// 0: there were none.
    private(set) var firstTokenAt = 0.0
    private(set) var lastTokenAt = 0.0
    private(set) var tokenCount = 0
    /// nil: it never ran.
    private(set) var usage: Usage?
    private(set) var timing = Timing()

    /// New tokens, and how long they were waited for.
    struct Arrival: Equatable {
        var count: Int
        /// Since the tokens before, or of the first ones since the request came.
        var seconds: Double
        var isFirst: Bool
    }

    init(call: HTTPCall, rid: String, openedAt: Double) {
        self.call = call
        self.rid = rid
        self.openedAt = openedAt
    }

    mutating func dispatch(_ request: FrontToScheduler, at moment: Double) {
        dispatchedAt = moment
        switch request {
        case .generate(let request):
            (isStream, promptTokens) = (request.stream, request.inputIDs.count)
            isStructured = request.sampling.grammar != nil
        case .embed(let request): promptTokens = request.inputIDs.count
        default: break
        }
    }

    /// A stream that is sent again brings nothing new until it is where it was. One with a gap brings nothing: it will be
    /// sent again.
    mutating func take(_ delta: TextDelta, at moment: Double) -> Arrival? {
        guard delta.start <= tokenCount else { return nil }
        usage = delta.usage
        timing = delta.timing
        let new = delta.start + delta.ids.count - tokenCount
        guard new > 0 else { return nil }
        let isFirst = tokenCount == 0
        let arrival = Arrival(
            count: new, seconds: max(0, moment - (isFirst ? call.receivedAt : lastTokenAt)), isFirst: isFirst)
        tokenCount += new
        lastTokenAt = moment
        if isFirst { firstTokenAt = moment }
        return arrival
    }

    mutating func take(_ reply: EmbeddingReply) {
        usage = Usage(promptTokens: reply.promptTokens)
        timing = reply.timing
    }

    /// The parts of its time that are over, in their order: name, beginning, end.
    var stages: [(name: String, start: Double, end: Double)] {
        [
            ("tokenize", openedAt, dispatchedAt), ("queue", timing.queued, timing.forwardEntry),
            ("prefill", timing.forwardEntry, timing.prefillFinished),
            ("decode", timing.prefillFinished, timing.finished),
            ("detokenize", timing.textBegun, timing.textFinished),
        ].filter { $0.1 > 0 && $0.2 > 0 }
    }
}
