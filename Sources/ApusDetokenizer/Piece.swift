import ApusWire

/// What one token adds to a stream, kept until it may be given away.
struct Piece {
    /// nil: what the end of the stream adds without a token.
    let token: Int32?
    let logprobs: TokenLogprobs?
    let hidden: HiddenState?
    /// As the client sees it.
    private(set) var text: String
    /// Where it lies in the two texts that are searched, in UTF-8 bytes.
    private var spelled = 0..<0
    private var seen = 0..<0

    init(token: Int32?, logprobs: TokenLogprobs?, hidden: HiddenState? = nil, text: String) {
        self.token = token
        self.logprobs = logprobs
        self.hidden = hidden
        self.text = text
    }

    /// To be called before the watch takes it.
    mutating func begin(_ watch: StopWatch?) {
        guard let watch else { return }
        spelled = watch.spelledLength..<watch.spelledLength
        seen = watch.seenLength..<watch.seenLength
    }

    /// To be called after the watch took it.
    mutating func end(_ watch: StopWatch?) {
        guard let watch else { return }
        spelled = spelled.lowerBound..<watch.spelledLength
        seen = seen.lowerBound..<watch.seenLength
    }

    /// No part of it may become a stop string.
    func isSafe(_ watch: StopWatch?) -> Bool {
        guard let watch else { return true }
        return spelled.upperBound <= watch.safeSpelledLength && seen.upperBound <= watch.safeSeenLength
    }

    /// Drops what lies beyond the end of the text that is kept.
    mutating func cut(at cut: StopWatch.Cut) {
        let range = cut.isSeen ? seen : spelled
        guard range.upperBound > cut.end else { return }
        // What is seen of a token is all of its spelling or, of a special token, nothing.
        let isWhole = text.utf8.count == range.count
        let kept = isWhole ? max(0, cut.end - range.lowerBound) : 0
        text = String(decoding: text.utf8.prefix(kept), as: UTF8.self)
    }
}
