import ApusCore
import ApusTestSupport
import ApusWire

/// Random messages of every kind, small enough that thousands of them take no time.
struct RandomMessages {
    var random: SeededRandom

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    mutating func frontToScheduler() -> FrontToScheduler {
        switch pick(10) {
        case 8:
            .embed(
                EmbedRequest(
                    rid: text(), schedulerEpoch: random.next(), inputIDs: array { $0.int32() },
                    tokenTypes: array { $0.int32() }, dimensions: maybe { $0.int() },
                    mayFillContext: chance(), origin: origin()))
        case 0: .hello(frontEpoch: random.next())
        case 1: .generate(request())
        case 2: .abort(chance() ? .everything : .request(rid: text()))
        case 3: .release(rids: array { $0.text() })
        case 4: .detokenizerStarted(epoch: random.next())
        case 5: .resend(rids: array { $0.text() })
        case 6: .flushCache(call: random.next(), timeout: double())
        case 7: .control(call: random.next(), control())
        default: .state(call: random.next())
        }
    }

    mutating func schedulerToDetokenizer() -> SchedulerToDetokenizer {
        switch pick(4) {
        case 3: .configureLogging(logSettings())
        case 0: .hello(schedulerEpoch: random.next())
        case 1: .tokens(array { $0.update() })
        default: .forget(rids: array { $0.text() })
        }
    }

    mutating func detokenizerToFront() -> DetokenizerToFront {
        switch pick(4) {
        case 0: .hello(detokenizerEpoch: random.next(), processID: int32())
        case 1: .deltas(array { $0.delta() })
        case 2: .gaps(rids: array { $0.text() })
        default: .heartbeat(heartbeat(), figures: detokenizerFigures())
        }
    }

    mutating func schedulerToFront() -> SchedulerToFront {
        switch pick(9) {
        case 7:
            .embeddings(
                array {
                    EmbeddingReply(
                        rid: $0.text(), vector: $0.array { Float($0.int32()) / 7 }, promptTokens: $0.int(),
                        timing: $0.timing(), weightVersion: $0.text())
                })
        case 0: .loading(schedulerEpoch: random.next(), processID: int32(), share: double())
        case 1:
            .ready(
                SchedulerReady(
                    schedulerEpoch: random.next(), processID: int32(), maxTotalTokens: int(),
                    maxRequestInputLength: int(), maxRunningRequests: int(), contextLength: int(),
                    vocabularySize: int(), endTokenIDs: array { $0.int32() }, weightVersion: text(),
                    details: text(), modelPath: maybe { $0.text() }, isPaused: chance()))
        case 2: .heartbeat(heartbeat(), load: load())
        case 3: .ended(array { EndedRequest(rid: $0.text(), finish: $0.finish()) })
        case 4: .healthy(rid: text())
        case 5: .flushed(call: random.next(), outcome: FlushOutcome.allCases.randomElement(using: &random)!)
        case 6: .controlled(call: random.next(), controlReply())
        default: .state(call: random.next(), SchedulerState(load: load(), details: text()))
        }
    }

    mutating func toFront() -> ToFront {
        chance() ? .scheduler(schedulerToFront()) : .detokenizer(detokenizerToFront())
    }

    mutating func control() -> ControlCall {
        let parts = MemoryParts(kvCache: chance(), weights: chance())
        return switch pick(9) {
        case 7: .configureLogging(logSettings())
        case 0:
            .updateWeights(
                WeightUpdate(
                    path: text(), format: maybe { $0.text() }, version: maybe { $0.text() }, flushesCache: chance()))
        case 1: .nameWeights(version: text())
        case 2: .readWeights(name: text(), rowCount: int())
        case 3: .pause(PauseMode.allCases.randomElement(using: &random)!)
        case 4: .proceed
        case 5: .releaseMemory(parts)
        case 6: .recordExperts(ExpertAction.allCases.randomElement(using: &random)!)
        default: .resumeMemory(parts)
        }
    }

    private mutating func controlReply() -> ControlReply {
        switch pick(3) {
        case 0: .done(message: text())
        case 1: .failed(message: text())
        default: .rows(json: text())
        }
    }

    // MARK: - Parts

    mutating func update() -> TokenUpdate {
        TokenUpdate(
            rid: text(), opening: maybe { $0.opening() }, start: int(), ids: array { $0.int32() },
            logprobs: array { $0.logprobs() }, promptLogprobs: array { $0.logprobs() },
            hidden: array { $0.hidden() }, promptHidden: array { $0.hidden() },
            finish: maybe { $0.finish() }, usage: usage(), timing: timing())
    }

    mutating func delta() -> TextDelta {
        TextDelta(
            rid: text(), start: int(), ids: array { $0.int32() }, textStart: int(), text: text(),
            logprobs: array { $0.logprobs() }, promptLogprobs: array { $0.logprobs() },
            hidden: array { $0.hidden() }, promptHidden: array { $0.hidden() },
            finish: maybe { $0.finish() }, usage: usage(), timing: timing())
    }

    mutating func request() -> GenerateRequest {
        GenerateRequest(
            rid: text(), schedulerEpoch: random.next(), inputIDs: array { $0.int32() },
            inputEmbeddings: array { $0.float() }, sampling: sampling(), stream: chance(), streamInterval: int(),
            logprobs: maybe {
                LogprobRequest(
                    promptStart: $0.maybe { $0.int() }, topCount: $0.int(), tokenIDs: $0.array { $0.int32() })
            }, hidden: maybe { HiddenRequest.allCases.randomElement(using: &$0.random)! }, cacheNamespace: text(),
            isHealthCheck: chance(), origin: origin())
    }

    mutating func sampling() -> SamplingParameters {
        var sampling = SamplingParameters()
        sampling.maxNewTokens = maybe { $0.int() }
        sampling.minNewTokens = int()
        sampling.temperature = float()
        sampling.topP = float()
        sampling.topK = maybe { $0.int() }
        sampling.minP = float()
        sampling.frequencyPenalty = float()
        sampling.presencePenalty = float()
        sampling.repetitionPenalty = float()
        for _ in 0..<pick(4) { sampling.logitBias[int32()] = float() }
        sampling.seed = maybe { Int64(bitPattern: $0.random.next()) }
        sampling.stopStrings = array { $0.text() }
        sampling.stopTokenIDs = array { $0.int32() }
        sampling.stopRegexes = array { $0.text() }
        sampling.ignoreEOS = chance()
        sampling.skipSpecialTokens = chance()
        sampling.spacesBetweenSpecialTokens = chance()
        sampling.noStopTrim = chance()
        sampling.grammar = maybe { $0.grammar() }
        sampling.grammarFollows = maybe { $0.int32() }
        return sampling
    }

    private mutating func grammar() -> GrammarSource {
        let whitespace: JSONWhitespace =
            switch pick(3) {
            case 0: .none
            case 1: .upTo(int())
            default: .pattern(text())
            }
        return GrammarSource(
            GrammarKind.allCases[pick(GrammarKind.allCases.count)], text(), whitespace: whitespace)
    }

    private mutating func opening() -> StreamOpening {
        StreamOpening(
            promptTail: array { $0.int32() }, stopStrings: array { $0.text() }, stopRegexes: array { $0.text() },
            skipSpecialTokens: chance(), noStopTrim: chance(), stream: chance(), origin: origin())
    }

    private mutating func hidden() -> HiddenState { HiddenState(array { $0.float() }) }

    private mutating func logprobs() -> TokenLogprobs {
        TokenLogprobs(
            token: int32(), logprob: maybe { $0.float() }, top: array { $0.alternative() },
            chosen: array { $0.alternative() })
    }

    private mutating func alternative() -> TokenLogprobs.Alternative {
        TokenLogprobs.Alternative(token: int32(), logprob: float())
    }

    mutating func finish() -> FinishReason {
        switch pick(7) {
        case 6: .grammarEnd(int32())
        case 0: .stopToken(int32())
        case 1: .stopString(text())
        case 2: .stopRegex(text())
        case 3: .notANumber
        case 4: .length(int())
        default: .abort(message: text(), status: maybe { $0.int() }, kind: maybe { $0.text() })
        }
    }

    private mutating func usage() -> Usage {
        Usage(
            promptTokens: int(), cachedTokens: int(), completionTokens: int(), retractions: int(),
            weights: array { WeightSpan(version: $0.text(), start: $0.int()) })
    }

    private mutating func timing() -> Timing {
        var timing = Timing()
        timing.queued = double()
        timing.forwardEntry = double()
        timing.prefillFinished = double()
        timing.finished = double()
        timing.textBegun = double()
        timing.textFinished = double()
        return timing
    }

    private mutating func heartbeat() -> Heartbeat {
        Heartbeat(epoch: random.next(), processID: int32(), progress: random.next(), isBusy: chance())
    }

    private mutating func load() -> SchedulerLoad {
        SchedulerLoad(
            running: int(), queued: int(), freeTokens: int(), cachedTokens: int(), heldTokens: int(),
            generationThroughput: double(), figures: figures())
    }

    private mutating func figures() -> SchedulerFigures {
        var figures = SchedulerFigures()
        figures.evictableTokens = int()
        figures.retractedOutputTokens = int()
        figures.newTokenRatio = double()
        figures.stages.forward = double()
        figures.decodeMoments = array { $0.double() }
        figures.forwardSeconds.observe(Double(pick(100)), times: pick(1000))
        figures.grammarTimeouts = int()
        figures.weightLoadSeconds = double()
        figures.grammarSeconds.observe(Double(pick(100)))
        figures.evictionSeconds.observe(Double(pick(100)) / 1e6)
        figures.process = processUsage()
        return figures
    }

    private mutating func detokenizerFigures() -> DetokenizerFigures {
        var figures = DetokenizerFigures()
        figures.streams = int()
        figures.tokens = int()
        figures.process = processUsage()
        return figures
    }

    private mutating func processUsage() -> ProcessUsage {
        var usage = ProcessUsage()
        usage.cpuSeconds = double()
        usage.residentBytes = int()
        usage.allocatedBytes = int()
        return usage
    }

    private mutating func origin() -> RequestOrigin {
        RequestOrigin(
            requestID: text(),
            trace: maybe {
                TraceContext(
                    traceHigh: $0.random.next(), traceLow: $0.random.next() | 1, spanID: $0.random.next() | 1,
                    isSampled: $0.chance())
            })
    }

    private mutating func logSettings() -> LogSettings {
        LogSettings(level: maybe { $0.text() }, logsRequests: maybe { $0.chance() })
    }

    private mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
    private mutating func chance() -> Bool { Bool.random(using: &random) }
    private mutating func int() -> Int { Int(truncatingIfNeeded: random.next()) >> pick(64) }
    private mutating func int32() -> Int32 { Int32(truncatingIfNeeded: random.next()) }
    /// Finite, so that values can be compared; the fuzz tests compare bytes and so meet every pattern.
    private mutating func float() -> Float { random.unit() * 1e20 }
    private mutating func double() -> Double { Double.random(in: -1e12...1e12, using: &random) }

    private mutating func text() -> String {
        let pieces = ["", "a", "cmpl-42", "\0", "é", "e\u{301}", "日本", "👩‍👩‍👧", "\u{10FFFF}", "\r\n", "…"]
        return (0..<pick(4)).map { _ in pieces.randomElement(using: &random)! }.joined()
    }

    private mutating func maybe<Value>(_ make: (inout Self) -> Value) -> Value? {
        chance() ? make(&self) : nil
    }

    private mutating func array<Element>(_ make: (inout Self) -> Element) -> [Element] {
        (0..<pick(5)).map { _ in make(&self) }
    }
}
