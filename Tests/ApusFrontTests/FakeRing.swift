import ApusCore
import ApusText
import ApusWire
import Synchronization

@testable import ApusFront

/// Scheduler and detokenizer in one, in memory: answers each request with tokens that follow from its prompt.
final class FakeRing: Sendable {
    /// What is done with a request.
    typealias Script = @Sendable (GenerateRequest, FakeRing) -> Void

    private struct State {
        var script: Script
        var received: [FrontToScheduler] = []
        var isStopping = false
        var epoch: UInt64 = 1
        var figures = SchedulerFigures()
        var operate: @Sendable (ControlCall) -> ControlReply? = FakeRing.agree
    }

    private let toFront: InMemoryLink<ToFront>
    private let toScheduler: InMemoryLink<FrontToScheduler>
    private let state: Mutex<State>
    private let thread = Mutex<NamedThread?>(nil)

    static let contextLength = 128
    static let inputLimit = 122

    init(script: @escaping Script = FakeRing.echo) throws {
        toFront = try InMemoryLink(capacity: 100_000)
        toScheduler = try InMemoryLink(capacity: 100_000)
        state = Mutex(State(script: script))
    }

    func connect(_ wake: WakeSignal) -> RingEnds {
        RingEnds(inbox: toFront.inbox(wake: wake), outbox: toScheduler.outbox())
    }

    /// Lets the scheduler and the detokenizer appear and work.
    func start(isReady: Bool = true) {
        state.withLock { $0.isStopping = false }
        say(.detokenizer(.hello(detokenizerEpoch: 1, processID: 1)))
        if isReady { becomeReady(epoch: 1) }
        thread.withLock { thread in
            thread = NamedThread("fake-ring") { [self] in
                let inbox = toScheduler.inbox()
                while !state.withLock({ $0.isStopping }) {
                    if let message = inbox.receive(timeout: 0.02) { handle(message) }
                }
            }
        }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
    }

    // MARK: Talking to the front

    func say(_ message: ToFront) {
        let taken = toFront.outbox().send(message)
        precondition(taken, "the fake ring is full")
    }

    func becomeReady(
        epoch: UInt64, weightVersion: String = "default", modelPath: String? = nil, isPaused: Bool = false
    ) {
        state.withLock { $0.epoch = epoch }
        say(
            .scheduler(
                .ready(
                    SchedulerReady(
                        schedulerEpoch: epoch, processID: 1, maxTotalTokens: 1024,
                        maxRequestInputLength: Self.inputLimit, maxRunningRequests: 8,
                        contextLength: Self.contextLength, vocabularySize: 300, endTokenIDs: [256],
                        weightVersion: weightVersion,
                        details: #"{"dtype":"bfloat16","startup_time":{"load_weight":0.5}}"#,
                        modelPath: modelPath, isPaused: isPaused))))
    }

    // MARK: What the front said

    var received: [FrontToScheduler] { state.withLock { $0.received } }

    var requests: [GenerateRequest] {
        received.compactMap { if case .generate(let request) = $0 { request } else { nil } }
    }

    var embeddings: [EmbedRequest] {
        received.compactMap { if case .embed(let request) = $0 { request } else { nil } }
    }

    var aborted: [String] {
        received.compactMap { if case .abort(.request(let rid)) = $0 { rid } else { nil } }
    }

    var released: [String] {
        received.flatMap { if case .release(let rids) = $0 { rids } else { [String]() } }
    }

    /// What operators' calls are answered with; nil: nothing.
    func setReply(_ reply: @escaping @Sendable (ControlCall) -> ControlReply?) { state.withLock { $0.operate = reply } }

    var controls: [ControlCall] { received.compactMap { if case .control(_, let call) = $0 { call } else { nil } } }

    static let agree: @Sendable (ControlCall) -> ControlReply? = { call in
        if case .readWeights = call { .rows(json: "[0.5]") } else { .done(message: "done") }
    }

    /// What the scheduler counts.
    func setFigures(_ figures: SchedulerFigures) { state.withLock { $0.figures = figures } }

    /// Requests for the scheduler that is ready now are no longer answered.
    func forgetEpoch() { state.withLock { $0.epoch = 0 } }

    func setScript(_ script: @escaping Script) { state.withLock { $0.script = script } }

    /// Waits until `condition` holds; false if it does not within ten seconds.
    func waits(until condition: @Sendable (FakeRing) -> Bool) async -> Bool {
        for _ in 0..<2_000 {
            if condition(self) { return true }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    private func handle(_ message: FrontToScheduler) {
        let (script, epoch) = state.withLock { state in
            state.received.append(message)
            return (state.script, state.epoch)
        }
        switch message {
        case .generate(let request) where request.isHealthCheck: say(.scheduler(.healthy(rid: request.rid)))
        case .generate(let request) where request.schedulerEpoch == epoch: script(request, self)
        case .embed(let request) where request.schedulerEpoch == epoch:
            say(.scheduler(.embeddings([Self.sums(request)])))
        case .flushCache(let call, _): say(.scheduler(.flushed(call: call, outcome: .flushed)))
        case .control(let call, let control):
            guard let reply = state.withLock({ $0.operate })(control) else { return }
            say(.scheduler(.controlled(call: call, reply)))
        case .state(let call):
            let load = SchedulerLoad(
                running: 0, queued: 0, freeTokens: 1000, cachedTokens: 24, heldTokens: 0, generationThroughput: 12.5,
                figures: state.withLock(\.figures))
            say(.scheduler(.state(call: call, SchedulerState(load: load, details: "{}"))))
        default: break
        }
    }

    // MARK: Scripts

    /// Answers at once and completely: the prompt again and again, up to `max_new_tokens`.
    static let echo: Script = { request, ring in
        let count = min(request.sampling.maxNewTokens ?? 1_000, inputLimit)
        if count == 0 || !request.stream {
            ring.say(.detokenizer(.deltas([delta(request, 0..<count, finish: .length(count))])))
            return
        }
        for index in 0..<count {
            let finish = index == count - 1 ? FinishReason.length(count) : nil
            ring.say(.detokenizer(.deltas([delta(request, index..<index + 1, finish: finish)])))
        }
    }

    /// The vector of a text: the sum of its ids, how many there are, how many are of the second segment.
    private static func sums(_ request: EmbedRequest) -> EmbeddingReply {
        let numbers = [request.inputIDs.reduce(0, +), Int32(request.inputIDs.count), request.tokenTypes.reduce(0, +)]
        return EmbeddingReply(
            rid: request.rid, vector: numbers.prefix(request.dimensions ?? 3).map { Float($0) / 8 },
            promptTokens: request.inputIDs.count)
    }

    /// Answers nothing: the test does.
    static let silence: Script = { _, _ in }

    /// The echo's tokens in `range`.
    static func delta(_ request: GenerateRequest, _ range: Range<Int>, finish: FinishReason? = nil) -> TextDelta {
        let ids = range.map { request.inputIDs[$0 % request.inputIDs.count] }
        var timing = Timing()
        (timing.queued, timing.forwardEntry, timing.prefillFinished, timing.finished) = (100, 100.5, 101, 103)
        let wanted = request.logprobs
        return TextDelta(
            rid: request.rid, start: range.lowerBound, ids: ids, textStart: range.lowerBound,
            text: ByteCodec().decode(ids, skipSpecialTokens: true),
            logprobs: wanted == nil ? [] : ids.map { logprobs($0, wanted) },
            promptLogprobs: range.lowerBound == 0
                ? (wanted?.promptStart).map { request.inputIDs[$0...].map { logprobs($0, wanted) } } ?? [] : [],
            finish: finish,
            usage: Usage(
                promptTokens: request.inputIDs.count, cachedTokens: 2, completionTokens: range.upperBound),
            timing: timing)
    }

    private static func logprobs(_ id: Int32, _ wanted: LogprobRequest?) -> TokenLogprobs {
        TokenLogprobs(
            token: id, logprob: -0.5,
            top: (0..<Int32(wanted?.topCount ?? 0)).map { .init(token: $0, logprob: -Float($0)) },
            chosen: (wanted?.tokenIDs ?? []).map { .init(token: $0, logprob: -.infinity) })
    }
}

/// A token a byte.
struct ByteCodec: PromptCodec {
    func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] { text.utf8.map(Int32.init) }

    func encode(_ text: String, atMost count: Int) -> [Int32] {
        Array(encode(text, addSpecialTokens: true).prefix(count))
    }

    func encodePair(_ first: String, _ second: String) -> Encoding {
        let ids = [first, "|", second].map { encode($0, addSpecialTokens: true) }
        return Encoding(
            ids: ids.flatMap(\.self), typeIDs: ids[0].map { _ in 0 } + [0] + ids[2].map { _ in 1 })
    }

    func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
        String(decoding: ids.compactMap { UInt8(exactly: $0) }, as: UTF8.self)
    }

    func bytes(of id: Int32) -> [UInt8] { UInt8(exactly: id).map { [$0] } ?? [] }

    static let endOfThinking: Int32 = 299

    func tokenID(of text: String) -> Int32? { text == "</think>" ? Self.endOfThinking : nil }

    /// ChatML without its ends, so that what is generated is predictable.
    var chatTemplate: ChatTemplate? {
        try? ChatTemplate(
            source: "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
                + "{% for t in tools or [] %}{\"name\": \"{{ t.function.name }}\"}{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}",
            specialTokens: [:])
    }

    var modelMaxLength: Int? { 4_096 }
}
