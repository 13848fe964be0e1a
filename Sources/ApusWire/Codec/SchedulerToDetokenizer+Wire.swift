extension SchedulerToDetokenizer: LinkMessage {
    package static var link: LinkKind { .schedulerToDetokenizer }

    private enum Tag: UInt8 {
        case hello = 1
        case tokens = 2
        case forget = 3
        case configureLogging = 4
    }

    package func write(to writer: inout WireWriter) {
        switch self {
        case .hello(let schedulerEpoch):
            writer.append(tag: Tag.hello)
            writer.append(schedulerEpoch)
        case .tokens(let updates):
            writer.append(tag: Tag.tokens)
            writer.append(updates)
        case .forget(let rids):
            writer.append(tag: Tag.forget)
            writer.append(rids)
        case .configureLogging(let settings):
            writer.append(tag: Tag.configureLogging)
            writer.append(settings)
        }
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        switch try reader.tag(Tag.self) {
        case .hello: self = .hello(schedulerEpoch: try reader.value())
        case .tokens: self = .tokens(try reader.value())
        case .forget: self = .forget(rids: try reader.value())
        case .configureLogging: self = .configureLogging(try reader.value())
        }
    }

    package func halves() -> (SchedulerToDetokenizer, SchedulerToDetokenizer)? {
        switch self {
        case .hello, .configureLogging: nil
        case .tokens(let updates): ApusWire.halves(updates) { .tokens($0) }
        case .forget(let rids): ApusWire.halves(rids) { .forget(rids: $0) }
        }
    }
}

extension TokenUpdate: WireElement {
    package static var leastByteCount: Int {
        String.leastByteCount + 1 + 8 + 4 + TokenExtras.leastByteCount + 1 + Usage.byteCount + Timing.byteCount
    }

    package func write(to writer: inout WireWriter) {
        writer.append(rid)
        writer.append(opening)
        writer.append(start)
        writer.append(ids)
        writer.append(TokenExtras(self))
        writer.append(finish)
        writer.append(usage)
        writer.append(timing)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        rid = try reader.value()
        opening = try reader.value()
        start = try reader.value()
        ids = try reader.value()
        let extras = try reader.value(TokenExtras.self)
        (logprobs, promptLogprobs) = (extras.logprobs, extras.promptLogprobs)
        (hidden, promptHidden) = (extras.hidden, extras.promptHidden)
        finish = try reader.value()
        usage = try reader.value()
        timing = try reader.value()
    }
}

/// What most streams never have: one byte then.
struct TokenExtras: WireValue {
    static let leastByteCount = 1

    var logprobs: [TokenLogprobs] = []
    var promptLogprobs: [TokenLogprobs] = []
    var hidden: [HiddenState] = []
    var promptHidden: [HiddenState] = []

    init(_ update: TokenUpdate) {
        (logprobs, promptLogprobs) = (update.logprobs, update.promptLogprobs)
        (hidden, promptHidden) = (update.hidden, update.promptHidden)
    }

    init(_ delta: TextDelta) {
        (logprobs, promptLogprobs) = (delta.logprobs, delta.promptLogprobs)
        (hidden, promptHidden) = (delta.hidden, delta.promptHidden)
    }

    func write(to writer: inout WireWriter) {
        let isEmpty = logprobs.isEmpty && promptLogprobs.isEmpty && hidden.isEmpty && promptHidden.isEmpty
        writer.append(!isEmpty)
        guard !isEmpty else { return }
        writer.append(logprobs)
        writer.append(promptLogprobs)
        writer.append(hidden)
        writer.append(promptHidden)
    }

    init(from reader: inout WireReader) throws(FrameError) {
        guard try reader.value(Bool.self) else { return }
        logprobs = try reader.value()
        promptLogprobs = try reader.value()
        hidden = try reader.value()
        promptHidden = try reader.value()
    }
}

extension StreamOpening: WireValue {
    package func write(to writer: inout WireWriter) {
        writer.append(promptTail)
        writer.append(stopStrings)
        writer.append(stopRegexes)
        writer.append(skipSpecialTokens)
        writer.append(noStopTrim)
        writer.append(stream)
        writer.append(origin)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(
            promptTail: try reader.value(), stopStrings: try reader.value(), stopRegexes: try reader.value(),
            skipSpecialTokens: try reader.value(), noStopTrim: try reader.value(), stream: try reader.value(),
            origin: try reader.value())
    }
}

extension TokenLogprobs: WireElement {
    package static var leastByteCount: Int { 4 + 1 + 2 * 4 }

    package func write(to writer: inout WireWriter) {
        writer.append(token)
        writer.append(logprob)
        writer.append(top)
        writer.append(chosen)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(
            token: try reader.value(), logprob: try reader.value(), top: try reader.value(),
            chosen: try reader.value())
    }
}

extension HiddenState: WireElement {
    package static var leastByteCount: Int { 4 }

    package func write(to writer: inout WireWriter) { writer.append(numbers) }

    package init(from reader: inout WireReader) throws(FrameError) { self.init(try reader.value()) }
}

extension TokenLogprobs.Alternative: WireElement {
    package static var leastByteCount: Int { 8 }

    package func write(to writer: inout WireWriter) {
        writer.append(token)
        writer.append(logprob)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(token: try reader.value(), logprob: try reader.value())
    }
}

extension Usage: WireValue {
    /// Without weights.
    static let byteCount = 4 * 8 + 4

    package func write(to writer: inout WireWriter) {
        writer.append(promptTokens)
        writer.append(cachedTokens)
        writer.append(completionTokens)
        writer.append(retractions)
        writer.append(weights)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init(
            promptTokens: try reader.value(), cachedTokens: try reader.value(),
            completionTokens: try reader.value(), retractions: try reader.value(), weights: try reader.weights())
    }
}

extension Timing: WireValue {
    static let byteCount = 6 * 8

    package func write(to writer: inout WireWriter) {
        writer.append(queued)
        writer.append(forwardEntry)
        writer.append(prefillFinished)
        writer.append(finished)
        writer.append(textBegun)
        writer.append(textFinished)
    }

    package init(from reader: inout WireReader) throws(FrameError) {
        self.init()
        queued = try reader.value()
        forwardEntry = try reader.value()
        prefillFinished = try reader.value()
        finished = try reader.value()
        textBegun = try reader.value()
        textFinished = try reader.value()
    }
}
