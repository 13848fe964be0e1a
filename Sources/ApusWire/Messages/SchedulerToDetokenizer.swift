package import ApusCore

/// The token streams of the scheduler.
package enum SchedulerToDetokenizer: Sendable, Equatable {
    /// A scheduler has started; streams of an earlier one are dropped.
    case hello(schedulerEpoch: UInt64)
    /// What one step made, one entry a request.
    case tokens([TokenUpdate])
    /// These requests are over without a further update (aborted and released).
    case forget(rids: [String])
    case configureLogging(LogSettings)
}

/// New tokens of one request.
package struct TokenUpdate: Sendable, Equatable {
    package var rid: String
    /// How to turn ids into text; sent with the first update of a stream and with every one sent again from its start.
    package var opening: StreamOpening?
    /// Index of `ids[0]` in the request's output.
    package var start: Int
    package var ids: [Int32]
    /// One entry an id when output log probabilities were asked for, else empty.
    package var logprobs: [TokenLogprobs]
    /// Prompt log probabilities, with the update whose `start` is 0.
    package var promptLogprobs: [TokenLogprobs]
    /// One entry an id when hidden states were asked for: those that the tokens were chosen by.
    package var hidden: [HiddenState]
    /// Those of the prompt, with the update whose `start` is 0.
    package var promptHidden: [HiddenState]
    package var finish: FinishReason?
    package var usage: Usage
    package var timing: Timing

    package init(
        rid: String, opening: StreamOpening?, start: Int, ids: [Int32], logprobs: [TokenLogprobs] = [],
        promptLogprobs: [TokenLogprobs] = [], hidden: [HiddenState] = [], promptHidden: [HiddenState] = [],
        finish: FinishReason? = nil, usage: Usage, timing: Timing
    ) {
        self.rid = rid
        self.opening = opening
        self.start = start
        self.ids = ids
        self.logprobs = logprobs
        self.promptLogprobs = promptLogprobs
        self.hidden = hidden
        self.promptHidden = promptHidden
        self.finish = finish
        self.usage = usage
        self.timing = timing
    }
}

/// What the detokenizer must know of a request before its first token.
package struct StreamOpening: Sendable, Equatable {
    /// The last tokens of the prompt (at most 5): the context in which the first token is decoded.
    package var promptTail: [Int32]
    package var stopStrings: [String]
    package var stopRegexes: [String]
    package var skipSpecialTokens: Bool
    package var noStopTrim: Bool
    /// The client wants a stream; otherwise nothing need be passed on before the end.
    package var stream: Bool
    package var origin: RequestOrigin

    package init(
        promptTail: [Int32], stopStrings: [String], stopRegexes: [String], skipSpecialTokens: Bool, noStopTrim: Bool,
        stream: Bool, origin: RequestOrigin = RequestOrigin()
    ) {
        self.promptTail = promptTail
        self.stopStrings = stopStrings
        self.stopRegexes = stopRegexes
        self.skipSpecialTokens = skipSpecialTokens
        self.noStopTrim = noStopTrim
        self.stream = stream
        self.origin = origin
    }
}

/// Log probabilities at one position.
package struct TokenLogprobs: Sendable, Equatable {
    package var token: Int32
    /// nil for the first prompt position, which nothing precedes.
    package var logprob: Float?
    /// Best alternatives, best first; empty when none were asked for.
    package var top: [Alternative]
    /// Values of the tokens asked for, in the order asked.
    package var chosen: [Alternative]

    package struct Alternative: Sendable, Equatable {
        package var token: Int32
        package var logprob: Float

        package init(token: Int32, logprob: Float) {
            self.token = token
            self.logprob = logprob
        }
    }

    package init(token: Int32, logprob: Float?, top: [Alternative] = [], chosen: [Alternative] = []) {
        self.token = token
        self.logprob = logprob
        self.top = top
        self.chosen = chosen
    }
}

/// The residual stream of one position after the last norm: what the head multiplies.
package struct HiddenState: Sendable, Equatable {
    package var numbers: [Float]

    package init(_ numbers: [Float]) {
        self.numbers = numbers
    }
}

/// Token counts of one request, and whose tokens they are.
package struct Usage: Sendable, Hashable {
    package var promptTokens: Int
    /// Prompt tokens taken from the prefix cache when the request was first scheduled.
    package var cachedTokens: Int
    /// Tokens generated so far, the stop token included.
    package var completionTokens: Int
    /// Times that the request lost its KV to others and was computed again.
    package var retractions: Int
    /// The weights that made the output, in order of their tokens; empty: not known.
    package var weights: [WeightSpan]

    package init(
        promptTokens: Int, cachedTokens: Int = 0, completionTokens: Int = 0, retractions: Int = 0,
        weights: [WeightSpan] = []
    ) {
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
        self.completionTokens = completionTokens
        self.retractions = retractions
        self.weights = weights
    }
}

/// Moments of one request, in seconds of `Clocks.unix()`; 0: not reached.
package struct Timing: Sendable, Hashable {
    package var queued = 0.0
    package var forwardEntry = 0.0
    package var prefillFinished = 0.0
    package var finished = 0.0
    /// When the detokenizer began with the stream, and when it had done with it; only noted of requests that are traced.
    package var textBegun = 0.0
    package var textFinished = 0.0

    package init() {}
}
