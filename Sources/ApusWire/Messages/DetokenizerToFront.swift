package import ApusCore

/// What the detokenizer tells the front.
package enum DetokenizerToFront: Sendable, Equatable {
    /// A detokenizer has started; the front tells the scheduler, which sends the streams again.
    case hello(detokenizerEpoch: UInt64, processID: Int32)
    case deltas([TextDelta])
    /// Updates of these streams had a gap: the front asks the scheduler to send them again.
    case gaps(rids: [String])
    /// Sent twice a second unless deltas were, so that silence means something, and every two seconds with new figures.
    case heartbeat(Heartbeat, figures: DetokenizerFigures = DetokenizerFigures())
}

/// New text and tokens of one request. After a restart of the detokenizer a stream begins again at 0:
/// the receiver drops what it already has by `start` and `textStart`.
package struct TextDelta: Sendable, Equatable {
    package var rid: String
    /// Index of `ids[0]` in the request's output.
    package var start: Int
    package var ids: [Int32]
    /// UTF-8 bytes of text sent before this delta.
    package var textStart: Int
    package var text: String
    package var logprobs: [TokenLogprobs]
    package var promptLogprobs: [TokenLogprobs]
    package var hidden: [HiddenState]
    package var promptHidden: [HiddenState]
    package var finish: FinishReason?
    package var usage: Usage
    package var timing: Timing

    package init(
        rid: String, start: Int, ids: [Int32], textStart: Int, text: String, logprobs: [TokenLogprobs] = [],
        promptLogprobs: [TokenLogprobs] = [], hidden: [HiddenState] = [], promptHidden: [HiddenState] = [],
        finish: FinishReason? = nil, usage: Usage, timing: Timing
    ) {
        self.rid = rid
        self.start = start
        self.ids = ids
        self.textStart = textStart
        self.text = text
        self.logprobs = logprobs
        self.promptLogprobs = promptLogprobs
        self.hidden = hidden
        self.promptHidden = promptHidden
        self.finish = finish
        self.usage = usage
        self.timing = timing
    }
}

/// A sign of life that says what its sender is doing.
package struct Heartbeat: Sendable, Equatable {
    package var epoch: UInt64
    package var processID: Int32
    /// Rises with each step or batch of messages handled.
    package var progress: UInt64
    /// Work is at hand: a `progress` that stands still while busy means trouble.
    package var isBusy: Bool

    package init(epoch: UInt64, processID: Int32, progress: UInt64, isBusy: Bool) {
        self.epoch = epoch
        self.processID = processID
        self.progress = progress
        self.isBusy = isBusy
    }
}
