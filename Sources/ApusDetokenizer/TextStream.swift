import ApusCore
import ApusText
import ApusWire

/// One request's tokens on their way to text.
///
/// Tokens leave in order as soon as their text cannot become part of a stop string; text that waits for the rest of a
/// character leaves with the token that completes it. A matched stop string or pattern ends the stream at
/// the token that completed it.
final class TextStream {
    private let rid: String
    private let noStopTrim: Bool
    private let vocabularySize: Int
    private var decoder: IncrementalDecoder
    private var watch: StopWatch?
    private var held: [Piece] = []
    private var promptLogprobs: [TokenLogprobs] = []
    private var promptHidden: [HiddenState] = []
    /// Tokens and UTF-8 bytes of text given away.
    private var sentTokens = 0
    private var sentBytes = 0
    private var usage = Usage(promptTokens: 0)
    private var timing = Timing()
    /// When the stream was opened, Unix seconds; nil: nobody wants to know.
    private let begunAt: Double?

    /// Tokens taken in.
    private(set) var received = 0
    /// Nothing follows any more.
    private(set) var hasEnded = false

    init(_ rid: String, _ opening: StreamOpening, tokenizer: Tokenizer) {
        self.rid = rid
        noStopTrim = opening.noStopTrim
        begunAt = opening.origin.trace?.isSampled == true ? Clocks.unix() : nil
        vocabularySize = tokenizer.vocabularySize
        decoder = IncrementalDecoder(
            tokenizer: tokenizer, promptTail: opening.promptTail, skipSpecialTokens: opening.skipSpecialTokens)
        watch = StopWatch(opening, tokenizer: tokenizer)
    }

    /// Takes in what is new of an update that begins at `received` or before; nil when nothing can be said yet.
    func apply(_ update: TokenUpdate) -> TextDelta? {
        precondition((0...received).contains(update.start) && !hasEnded, "an update that does not follow")
        usage = update.usage
        timing = update.timing
        if received == 0 { (promptLogprobs, promptHidden) = (update.promptLogprobs, update.promptHidden) }
        if watch == nil { return passOn(update) }
        for index in update.ids.indices.dropFirst(received - update.start) {
            let logprobs = index < update.logprobs.count ? update.logprobs[index] : nil
            let hidden = index < update.hidden.count ? update.hidden[index] : nil
            let isLast = index == update.ids.count - 1
            let match = take(update.ids[index], logprobs, hidden, isHidden: isLast && isTrimmed(update.finish))
            if let match { return end(at: match) }
        }
        guard let finish = update.finish else { return delta(finish: nil) }
        if let match = takeEnd() { return end(at: match) }
        hasEnded = true
        return delta(finish: finish)
    }

    /// Where nothing is looked for, all that is new leaves at once.
    private func passOn(_ update: TokenUpdate) -> TextDelta? {
        let known = received - update.start
        hasEnded = update.finish != nil
        guard hasEnded || update.ids.count > known || !promptLogprobs.isEmpty || !promptHidden.isEmpty
        else { return nil }
        var news = News()
        // All of it, but after a restart.
        news.ids = known == 0 ? update.ids : Array(update.ids.dropFirst(known))
        news.logprobs = known == 0 ? update.logprobs : Array(update.logprobs.dropFirst(known))
        news.hidden = known == 0 ? update.hidden : Array(update.hidden.dropFirst(known))
        received += news.ids.count
        let shown = isTrimmed(update.finish) ? news.ids.dropLast() : news.ids[...]
        for token in shown { news.text += decoder.append(spelled(token)) }
        if hasEnded { news.text += decoder.finish() }
        return makeDelta(news, finish: update.finish)
    }

    /// The stream's last word when it cannot go on.
    func failure(_ reason: FinishReason) -> TextDelta {
        held.removeAll()
        hasEnded = true
        return makeDelta(News(), finish: reason)
    }

    // MARK: - In

    /// The token that ended the stream leaves no text.
    private func isTrimmed(_ finish: FinishReason?) -> Bool {
        if case .stopToken = finish { !noStopTrim } else { false }
    }

    private func take(
        _ token: Int32, _ logprobs: TokenLogprobs?, _ hidden: HiddenState?, isHidden: Bool
    ) -> StopWatch.Match? {
        received += 1
        let known = spelled(token)
        var piece = Piece(
            token: token, logprobs: logprobs, hidden: hidden, text: isHidden ? "" : decoder.append(known))
        piece.begin(watch)
        let match = watch?.append(known, seen: piece.text)
        piece.end(watch)
        held.append(piece)
        return match
    }

    /// Models may have more rows than their tokenizer has tokens; the reference reads those as token 0.
    private func spelled(_ token: Int32) -> Int32 {
        token >= 0 && Int(token) < vocabularySize ? token : 0
    }

    private func takeEnd() -> StopWatch.Match? {
        var piece = Piece(token: nil, logprobs: nil, text: decoder.finish())
        piece.begin(watch)
        let match = watch?.finish(seen: piece.text)
        piece.end(watch)
        held.append(piece)
        return match
    }

    // MARK: - Out

    private func end(at match: StopWatch.Match) -> TextDelta? {
        hasEnded = true
        usage.completionTokens = received
        switch match {
        case .string(let stop, let cut):
            for index in held.indices { held[index].cut(at: cut) }
            return delta(finish: .stopString(stop))
        case .pattern(let pattern): return delta(finish: .stopRegex(pattern))
        case .gaveUp(let pattern):
            return failure(
                .refused("stop_regex '\(pattern)' takes too long to look for in this output.", status: 400))
        }
    }

    /// What may leave now; everything at the end.
    private func delta(finish: FinishReason?) -> TextDelta? {
        let count = finish == nil ? held.firstIndex { !$0.isSafe(watch) } ?? held.count : held.count
        guard finish != nil || count > 0 || !promptLogprobs.isEmpty || !promptHidden.isEmpty else { return nil }
        defer { held.removeFirst(count) }
        var news = News()
        for piece in held[..<count] {
            if let token = piece.token { news.ids.append(token) }
            news.text += piece.text
            if let logprobs = piece.logprobs { news.logprobs.append(logprobs) }
            if let hidden = piece.hidden { news.hidden.append(hidden) }
        }
        return makeDelta(news, finish: finish)
    }

    /// What leaves together.
    private struct News {
        var ids: [Int32] = []
        var text = ""
        var logprobs: [TokenLogprobs] = []
        var hidden: [HiddenState] = []
    }

    private func makeDelta(_ news: News, finish: FinishReason?) -> TextDelta {
        var delta = TextDelta(
            rid: rid, start: sentTokens, ids: news.ids, textStart: sentBytes, text: news.text, logprobs: news.logprobs,
            promptLogprobs: promptLogprobs, hidden: news.hidden, promptHidden: promptHidden, finish: finish,
            usage: usage, timing: timing)
        promptLogprobs = []
        promptHidden = []
        sentTokens += delta.ids.count
        sentBytes += delta.text.utf8.count
        if let begunAt {
            delta.timing.textBegun = begunAt
            delta.timing.textFinished = Clocks.unix()
        }
        // Until the end, counts agree with the tokens that the client has, not with those still held.
        if finish == nil { delta.usage.completionTokens = sentTokens }
        return delta
    }
}
