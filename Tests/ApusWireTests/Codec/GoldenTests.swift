import ApusCore
import ApusWire
import Testing

/// Bytes written by hand from the description at `WireFormat`. If one of these must change, so must `version`.
@Suite struct GoldenTests {
    private static let header = "41505553 0b00"

    private func check<Message: WireMessage & Equatable>(
        _ message: Message, _ hex: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let digits = (Self.header + hex.joined()).filter { !$0.isWhitespace }.map { UInt8($0.hexDigitValue!) }
        let golden = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
        #expect(message.encoded() == golden, sourceLocation: sourceLocation)
        #expect(try Message.decoded(golden) == message, sourceLocation: sourceLocation)
    }

    /// 1, 2, 3, 4 as `Usage` (with weights "w" from 5 on), and then as `Timing`.
    private static let usage =
        "0100000000000000 0200000000000000 0300000000000000 0400000000000000"
        + "01000000 01000000 77 0500000000000000"
    private static let timing =
        "000000000000f03f 0000000000000040 0000000000000840 0000000000001040"
        + "0000000000001440 0000000000001840"
    /// `RequestOrigin`s: without anything, and with "i" and a trace.
    private static let nobody = "00000000 00"
    private static let somebody =
        "01000000 69 01 0100000000000000 0200000000000000 0300000000000000 01"
    private static let origin = RequestOrigin(
        requestID: "i", trace: TraceContext(traceHigh: 1, traceLow: 2, spanID: 3, isSampled: true))

    private func usage() -> Usage {
        Usage(
            promptTokens: 1, cachedTokens: 2, completionTokens: 3, retractions: 4,
            weights: [WeightSpan(version: "w", start: 5)])
    }

    private func timing() -> Timing {
        var timing = Timing()
        timing.queued = 1
        timing.forwardEntry = 2
        timing.prefillFinished = 3
        timing.finished = 4
        timing.textBegun = 5
        timing.textFinished = 6
        return timing
    }

    @Test func frontToScheduler() throws {
        try check(FrontToScheduler.hello(frontEpoch: 0x0123_4567_89AB_CDEF), "01 01", "efcdab8967452301")
        try check(FrontToScheduler.abort(.request(rid: "é")), "01 03", "01 02000000 c3a9")
        try check(FrontToScheduler.abort(.everything), "01 03", "02")
        try check(FrontToScheduler.release(rids: ["a", ""]), "01 04", "02000000 01000000 61 00000000")
        try check(FrontToScheduler.detokenizerStarted(epoch: 7), "01 05", "0700000000000000")
        try check(FrontToScheduler.resend(rids: []), "01 06", "00000000")
        try check(FrontToScheduler.flushCache(call: 2, timeout: 1), "01 07", "0200000000000000 000000000000f03f")
        try check(FrontToScheduler.state(call: 3), "01 08", "0300000000000000")
        try check(
            FrontToScheduler.embed(
                EmbedRequest(
                    rid: "e", schedulerEpoch: 2, inputIDs: [5, 6], tokenTypes: [0, 1], dimensions: 3,
                    mayFillContext: true)),
            "01 11", "01000000 65 0200000000000000", "02000000 05000000 06000000", "02000000 00000000 01000000",
            "01 0300000000000000", "01", Self.nobody)
    }

    @Test func generate() throws {
        var sampling = SamplingParameters()
        sampling.maxNewTokens = nil
        sampling.minNewTokens = 1
        sampling.temperature = 0.5
        sampling.topP = 1
        sampling.topK = 40
        sampling.minP = 0
        sampling.frequencyPenalty = -1
        sampling.presencePenalty = 2
        sampling.repetitionPenalty = 1
        sampling.logitBias = [7: 1, 3: -2]
        sampling.seed = -1
        sampling.stopStrings = ["X"]
        sampling.stopTokenIDs = [258]
        sampling.stopRegexes = []
        sampling.ignoreEOS = true
        sampling.skipSpecialTokens = false
        sampling.spacesBetweenSpecialTokens = true
        sampling.noStopTrim = false
        sampling.grammar = GrammarSource(.regex, "a", whitespace: .upTo(2))
        sampling.grammarFollows = 4
        let request = GenerateRequest(
            rid: "r", schedulerEpoch: 9, inputIDs: [1, -1], inputEmbeddings: [-2], sampling: sampling,
            stream: true, streamInterval: 8,
            logprobs: LogprobRequest(promptStart: 0, topCount: 5, tokenIDs: [6]), hidden: .full, cacheNamespace: "n",
            isHealthCheck: true, origin: Self.origin)
        try check(
            FrontToScheduler.generate(request), "01 02",
            "01000000 72", "0900000000000000", "02000000 01000000 ffffffff", "01000000 000000c0",
            // sampling: lengths and temperatures, penalties, biases by rising token, seed, stops, switches, grammar
            "00", "0100000000000000", "0000003f", "0000803f", "01 2800000000000000", "00000000",
            "000080bf", "00000040", "0000803f",
            "02000000 03000000 000000c0 07000000 0000803f", "01 ffffffffffffffff",
            "01000000 01000000 58", "01000000 02010000", "00000000", "01", "00", "01", "00",
            "01 02 01000000 61 02 0200000000000000", "01 04000000",
            "01", "0800000000000000",
            "01 01 0000000000000000 0500000000000000 01000000 06000000", "01 02", "01000000 6e", "01",
            Self.somebody)
    }

    @Test func schedulerToDetokenizer() throws {
        try check(SchedulerToDetokenizer.hello(schedulerEpoch: 5), "02 01", "0500000000000000")
        try check(SchedulerToDetokenizer.forget(rids: ["a"]), "02 03", "01000000 01000000 61")
        try check(
            SchedulerToDetokenizer.configureLogging(LogSettings(level: "info", logsRequests: true)), "02 04",
            "01 04000000 696e666f 01 01")
        let opening = StreamOpening(
            promptTail: [1], stopStrings: ["s"], stopRegexes: [], skipSpecialTokens: true, noStopTrim: false,
            stream: true, origin: Self.origin)
        let logprobs = TokenLogprobs(
            token: 2, logprob: nil, top: [.init(token: 3, logprob: -1)], chosen: [])
        let update = TokenUpdate(
            rid: "r", opening: opening, start: 2, ids: [4], logprobs: [logprobs], promptLogprobs: [],
            hidden: [HiddenState([1, -2])], finish: .stopToken(4), usage: usage(), timing: timing())
        try check(
            SchedulerToDetokenizer.tokens([update]), "02 02", "01000000",
            "01000000 72", "01 01000000 01000000 01000000 01000000 73 00000000 01 00 01", Self.somebody,
            "0200000000000000", "01000000 04000000",
            "01 01000000 02000000 00 01000000 03000000 000080bf 00000000 00000000",
            "01000000 02000000 0000803f 000000c0 00000000",
            "01 01 04000000", Self.usage, Self.timing)
    }

    @Test func detokenizerToFront() throws {
        try check(
            DetokenizerToFront.hello(detokenizerEpoch: 1, processID: 2), "03 01", "0100000000000000 02000000")
        let delta = TextDelta(
            rid: "r", start: 1, ids: [7], textStart: 2, text: "\n", promptHidden: [HiddenState([1])],
            finish: .length(16), usage: usage(),
            timing: timing())
        try check(
            DetokenizerToFront.deltas([delta]), "03 02", "01000000", "01000000 72", "0100000000000000",
            "01000000 07000000", "0200000000000000", "01000000 0a",
            "01 00000000 00000000 00000000 01000000 01000000 0000803f",
            "01 05 1000000000000000", Self.usage, Self.timing)
        try check(DetokenizerToFront.gaps(rids: ["r"]), "03 03", "01000000 01000000 72")
        var figures = DetokenizerFigures()
        (figures.streams, figures.backlog, figures.tokens, figures.messages) = (1, 2, 3, 4)
        (figures.process.cpuSeconds, figures.process.residentBytes, figures.process.allocatedBytes) = (1, 5, 6)
        try check(
            DetokenizerToFront.heartbeat(
                Heartbeat(epoch: 1, processID: 2, progress: 3, isBusy: true), figures: figures), "03 04",
            "0100000000000000 02000000 0300000000000000 01",
            "0100000000000000 0200000000000000 0300000000000000 0400000000000000",
            "000000000000f03f 0500000000000000 0600000000000000")
    }

    @Test func schedulerToFront() throws {
        try check(
            SchedulerToFront.loading(schedulerEpoch: 1, processID: 2, share: 1), "04 01",
            "0100000000000000 02000000 000000000000f03f")
        let ready = SchedulerReady(
            schedulerEpoch: 1, processID: 2, maxTotalTokens: 3, maxRequestInputLength: 4, maxRunningRequests: 5,
            contextLength: 6, vocabularySize: 7, endTokenIDs: [8], weightVersion: "v", details: "{}", modelPath: "p",
            isPaused: true)
        try check(
            SchedulerToFront.ready(ready), "04 02", "0100000000000000 02000000 0300000000000000 0400000000000000",
            "0500000000000000 0600000000000000 0700000000000000 01000000 08000000 01000000 76 02000000 7b7d",
            "01 01000000 70 01")
        var figures = SchedulerFigures()
        figures.evictableTokens = 1
        figures.weightFailures = 2
        figures.grammarTimeouts = 3
        figures.weightLoadSeconds = 1
        figures.stages.reply = 1
        figures.evictionSeconds.observe(1, times: 3)
        figures.process.allocatedBytes = 7
        let load = SchedulerLoad(
            running: 1, queued: 2, freeTokens: 3, cachedTokens: 4, heldTokens: 5, generationThroughput: 1,
            figures: figures)
        let none = "0000000000000000"
        let loadHex =
            "0100000000000000 0200000000000000 0300000000000000 0400000000000000 0500000000000000 000000000000f03f"
            // Counts first, then shares and seconds, the loop's stages, moments, histograms and the process.
            + "0100000000000000" + String(repeating: none, count: 15) + "0200000000000000" + none + none + none
            + "0300000000000000" + none + none + "000000000000f03f" + none
            + String(repeating: none, count: 5) + "000000000000f03f"
            + "06000000" + String(repeating: none, count: 6)
            + "0f000000" + String(repeating: none, count: 15 + 1)
            + "07000000" + String(repeating: none, count: 5) + "0300000000000000" + none + "0000000000000840"
            + "11000000" + String(repeating: none, count: 17 + 1)
            + none + none + "0700000000000000"
        try check(
            SchedulerToFront.heartbeat(Heartbeat(epoch: 1, processID: 2, progress: 3, isBusy: false), load: load),
            "04 03", "0100000000000000 02000000 0300000000000000 00", loadHex)
        let refused = EndedRequest(rid: "r", finish: .abort(message: "m", status: 400, kind: nil))
        try check(
            SchedulerToFront.ended([refused]), "04 04",
            "01000000 01000000 72 06 01000000 6d 01 9001000000000000 00")
        try check(SchedulerToFront.healthy(rid: "h"), "04 05", "01000000 68")
        try check(
            SchedulerToFront.embeddings([
                EmbeddingReply(rid: "e", vector: [1, -0.5], promptTokens: 4, timing: timing(), weightVersion: "v")
            ]), "04 11",
            "01000000 01000000 65", "02000000 0000803f 000000bf", "0400000000000000", Self.timing,
            "01000000 76")
        try check(SchedulerToFront.flushed(call: 1, outcome: .timedOut), "04 06", "0100000000000000 02")
        try check(
            SchedulerToFront.state(call: 1, SchedulerState(load: load, details: "")), "04 07", "0100000000000000",
            loadHex, "00000000")
    }

    @Test func controlCalls() throws {
        func check(_ call: ControlCall, _ hex: String) throws {
            try self.check(FrontToScheduler.control(call: 1, call), "01 10", "0100000000000000", hex)
        }
        try check(
            .updateWeights(WeightUpdate(path: "p", format: nil, version: "v", flushesCache: true)),
            "01 01000000 70 00 01 01000000 76 01")
        try check(.nameWeights(version: "v"), "02 01000000 76")
        try check(.readWeights(name: "n", rowCount: 3), "03 01000000 6e 0300000000000000")
        try check(.pause(.abort), "04 01")
        try check(.pause(.retract), "04 02")
        try check(.pause(.inPlace), "04 03")
        try check(.proceed, "05")
        try check(.releaseMemory(MemoryParts(kvCache: true, weights: false)), "06 01 00")
        try check(.resumeMemory(MemoryParts(kvCache: false, weights: true)), "07 00 01")
        try check(.configureLogging(LogSettings(level: "info", logsRequests: nil)), "20 01 04000000 696e666f 00")
        try check(.recordExperts(.start), "08 01")
        try check(.recordExperts(.stop), "08 02")
        try check(.recordExperts(.dump), "08 03")
    }

    @Test func controlReplies() throws {
        func check(_ reply: ControlReply, _ hex: String) throws {
            try self.check(SchedulerToFront.controlled(call: 2, reply), "04 10", "0200000000000000", hex)
        }
        try check(.done(message: "d"), "01 01000000 64")
        try check(.failed(message: ""), "02 00000000")
        try check(.rows(json: "[1]"), "03 03000000 5b315d")
    }

    @Test func everyFinishReason() throws {
        let reasons: [(FinishReason, String)] = [
            (.stopToken(1), "01 01000000"), (.stopString("s"), "02 01000000 73"), (.stopRegex("x"), "03 01000000 78"),
            (.notANumber, "04"), (.grammarEnd(2), "07 02000000"), (.length(1), "05 0100000000000000"),
            (.abort(message: "", status: nil, kind: "k"), "06 00000000 00 01 01000000 6b"),
        ]
        for (reason, hex) in reasons {
            try check(
                SchedulerToFront.ended([EndedRequest(rid: "", finish: reason)]), "04 04", "01000000 00000000", hex)
        }
    }
}
