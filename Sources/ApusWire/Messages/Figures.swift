package import ApusCore

/// What a scheduler has to tell those who watch it. Totals count from its start.
package struct SchedulerFigures: Sendable, Equatable {
    // MARK: Now

    /// Cached tokens that may be dropped.
    package var evictableTokens = 0
    /// Tokens in the sequences that run.
    package var sequenceTokens = 0
    /// Prompt tokens of the requests that wait.
    package var waitingTokens = 0
    /// Waiting requests that ran before.
    package var retractedWaiting = 0
    /// Requests that stand still because the scheduler is paused.
    package var pausedRequests = 0
    /// Requests whose grammar is being compiled; they are among those that wait.
    package var grammarRequests = 0
    package var newTokenRatio = 0.0
    /// Share of prompt tokens that the cache had, in the last step with a prompt.
    package var hitRate = 0.0

    // MARK: Totals

    package var steps = 0
    /// Prompt tokens computed, and taken from the cache; rows of streams.
    package var prefilledTokens = 0
    package var cachedTokens = 0
    package var decodedTokens = 0
    package var generatedTokens = 0
    package var retractions = 0
    /// Prompt and output tokens whose KV was given up by retractions.
    package var retractedInputTokens = 0
    package var retractedOutputTokens = 0
    package var evictedTokens = 0
    package var weightUpdates = 0
    package var weightFailures = 0
    /// Requests with a grammar, those whose grammar was known, those that did not get theirs, and of these the ones that
    /// waited for too long.
    package var grammarTotal = 0
    package var grammarCacheHits = 0
    package var grammarsAborted = 0
    package var grammarTimeouts = 0
    /// Seconds in which the last update's weights were read; 0: there was none.
    package var weightLoadSeconds = 0.0
    /// Seconds in steps with prompt rows.
    package var prefillSeconds = 0.0
    /// Where the loop's time went.
    package var stages = StageSeconds()
    /// Over steps of streams alone, of requests r and microseconds t: their count, Σr, Σt, Σr², Σrt, Σ tokens.
    package var decodeMoments = Array(repeating: 0.0, count: 6)
    /// Seconds of a step on the model, and of one eviction.
    package var forwardSeconds = Histogram(Self.forwardBounds)
    package var evictionSeconds = Histogram(Self.evictionBounds)
    /// Seconds of the compilation of a grammar.
    package var grammarSeconds = Histogram(Self.grammarBounds)
    package var process = ProcessUsage()

    package init() {}

    package static let forwardBounds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30]
    package static let evictionBounds = [0.00001, 0.0001, 0.001, 0.01, 0.1, 1]
    package static let grammarBounds = [
        0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 90, 120, 240,
    ]
}

/// Seconds that a scheduler's loop has spent, by what for.
package struct StageSeconds: Sendable, Hashable {
    /// For messages, with nothing to do.
    package var wait = 0.0
    package var receive = 0.0
    package var schedule = 0.0
    /// The model.
    package var forward = 0.0
    /// Taking in what the model made.
    package var output = 0.0
    package var reply = 0.0

    package init() {}

    package static let names: [(name: String, path: any WritableKeyPath<StageSeconds, Double> & Sendable)] = [
        ("wait", \.wait), ("receive", \.receive), ("schedule", \.schedule), ("forward", \.forward),
        ("output", \.output), ("reply", \.reply),
    ]
}

/// The same of a detokenizer.
package struct DetokenizerFigures: Sendable, Hashable {
    /// Streams that it knows now.
    package var streams = 0
    /// Messages that the front has not taken.
    package var backlog = 0
    /// Tokens turned into text, and messages handled, so far.
    package var tokens = 0
    package var messages = 0
    package var process = ProcessUsage()

    package init() {}
}
