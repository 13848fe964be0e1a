package import ApusCore

/// What the front asks of the scheduler.
package enum FrontToScheduler: Sendable, Equatable {
    /// A front has started; requests of an earlier front are dropped.
    case hello(frontEpoch: UInt64)
    case generate(GenerateRequest)
    case embed(EmbedRequest)
    /// Ends one request, or all of them; an unknown id is ignored.
    case abort(Abort)
    /// The front has the final word of these requests (or no client is left): they may be forgotten.
    case release(rids: [String])
    /// A detokenizer has started without memory: every stream that is not released must be sent again from its start.
    case detokenizerStarted(epoch: UInt64)
    /// The front noticed missing tokens of these streams: send them again from their start.
    case resend(rids: [String])
    case flushCache(call: UInt64, timeout: Double)
    /// Asks for `SchedulerToFront.state`.
    case state(call: UInt64)
    case control(call: UInt64, ControlCall)
}

/// One prompt to continue; a batch is several of these.
package struct GenerateRequest: Sendable, Equatable {
    /// Unique among the requests in flight.
    package var rid: String
    /// The scheduler that it is meant for: another one, started since, drops it.
    package var schedulerEpoch: UInt64
    /// Prompt tokens, at least one, each in [0, vocabulary).
    package var inputIDs: [Int32]
    /// What the prompt's positions begin with instead of vectors of tokens, `inputIDs.count` rows; empty: nothing.
    package var inputEmbeddings: [Float]
    package var sampling: SamplingParameters
    /// Tokens are wanted as they come rather than in larger pieces.
    package var stream: Bool
    /// Tokens between two updates of a stream, at least 1.
    package var streamInterval: Int
    /// Log probabilities wanted; nil: none.
    package var logprobs: LogprobRequest?
    /// Hidden states wanted; nil: none.
    package var hidden: HiddenRequest?
    /// Requests share cached prefixes only within one namespace (`extra_key`, `cache_salt`).
    package var cacheNamespace: String
    /// Answered by the next step of any kind, and left out of statistics.
    package var isHealthCheck: Bool
    package var origin: RequestOrigin

    package init(
        rid: String, schedulerEpoch: UInt64, inputIDs: [Int32], inputEmbeddings: [Float] = [],
        sampling: SamplingParameters = SamplingParameters(),
        stream: Bool = false, streamInterval: Int = 1, logprobs: LogprobRequest? = nil, hidden: HiddenRequest? = nil,
        cacheNamespace: String = "", isHealthCheck: Bool = false, origin: RequestOrigin = RequestOrigin()
    ) {
        self.rid = rid
        self.schedulerEpoch = schedulerEpoch
        self.inputIDs = inputIDs
        self.inputEmbeddings = inputEmbeddings
        self.sampling = sampling
        self.stream = stream
        self.streamInterval = streamInterval
        self.logprobs = logprobs
        self.hidden = hidden
        self.cacheNamespace = cacheNamespace
        self.isHealthCheck = isHealthCheck
        self.origin = origin
    }
}

/// One text to make a vector of; a batch is several of these.
package struct EmbedRequest: Sendable, Equatable {
    /// Unique among the requests in flight.
    package var rid: String
    /// The scheduler that it is meant for: another one, started since, drops it.
    package var schedulerEpoch: UInt64
    /// At least one token, each in [0, vocabulary).
    package var inputIDs: [Int32]
    /// Segment of each token; empty: all 0.
    package var tokenTypes: [Int32]
    /// Leading numbers of the vector that are wanted; nil: all.
    package var dimensions: Int?
    /// It may be as long as the context; otherwise it is measured as a prompt, which leaves room for tokens behind it.
    package var mayFillContext: Bool
    package var origin: RequestOrigin

    package init(
        rid: String, schedulerEpoch: UInt64, inputIDs: [Int32], tokenTypes: [Int32] = [], dimensions: Int? = nil,
        mayFillContext: Bool = false, origin: RequestOrigin = RequestOrigin()
    ) {
        self.rid = rid
        self.schedulerEpoch = schedulerEpoch
        self.inputIDs = inputIDs
        self.tokenTypes = tokenTypes
        self.dimensions = dimensions
        self.mayFillContext = mayFillContext
        self.origin = origin
    }
}

/// Which log probabilities a request wants.
package struct LogprobRequest: Sendable, Hashable {
    /// First prompt position with a log probability; nil: none of the prompt.
    package var promptStart: Int?
    /// Best alternatives a position.
    package var topCount: Int
    /// Tokens whose log probability is wanted at every position.
    package var tokenIDs: [Int32]

    package init(promptStart: Int? = nil, topCount: Int = 0, tokenIDs: [Int32] = []) {
        self.promptStart = promptStart
        self.topCount = topCount
        self.tokenIDs = tokenIDs
    }
}

/// Which hidden states a request wants.
package enum HiddenRequest: UInt8, Sendable, CaseIterable {
    /// That of the last row.
    case last = 1
    /// Those of the whole prompt, and of each token that was chosen.
    case full = 2
}

/// Whom to abort.
package enum Abort: Sendable, Equatable {
    case request(rid: String)
    case everything
}
