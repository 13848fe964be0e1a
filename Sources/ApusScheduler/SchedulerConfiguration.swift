/// How requests are ordered, admitted and answered. Frozen at start; the names follow the launch flags.
package struct SchedulerConfiguration: Sendable {
    /// This run of the scheduler: requests meant for another one are dropped.
    package var epoch: UInt64
    package var processID: Int32

    // MARK: Model

    /// Longest sequence in tokens; nil: the model's own.
    package var contextLength: Int?
    /// Tokens that end a sequence beside the worker's: the tokenizer's EOS and additional stop ids.
    package var extraEndTokenIDs: [Int32] = []
    package var weightVersion = "default"
    /// Where the worker's weights came from, as an update names it; nil: as at launch.
    package var weightPath: String?
    package var weightFormat: String?
    /// Seed of the seeds that requests without one of their own get.
    package var randomSeed: UInt64 = 0

    // MARK: Requests

    /// nil: min(clamp(capacity / context x 512, 2048, 4096), capacity / 2). Never more than capacity / 2.
    package var maxRunningRequests: Int?
    /// Requests that may wait; the next one is refused with 503. nil: no limit.
    package var maxQueuedRequests: Int?
    /// Cut over-long prompts instead of refusing them.
    package var allowAutoTruncate = false
    /// Upper bound of every request's `max_new_tokens`; nil: none.
    package var maxNewTokensLimit: Int?
    /// Seconds in the queue, and seconds of running, after which a request ends with 503; nil: no limit.
    package var waitingTimeout: Double?
    package var runningTimeout: Double?

    /// Seconds that a request waits for its grammar, and that one grammar may take of the time of those that compile.
    package var grammarTimeout = 50.0
    package var grammarSeconds = 10.0
    /// Tokens that a grammar leaves no choice about are appended without a step for each.
    package var jumpsForward = true

    // MARK: Batches

    package var policy = SchedulePolicy.fcfs
    /// Prompt tokens a step at most; nil: prompts are not cut. A multiple of the page size.
    package var chunkedPrefillSize: Int? = 4096
    /// Uncached prompt tokens a step at most, at least the context length.
    package var maxPrefillTokens = 16384
    /// Requests whose prompts begin in one step; nil: no limit.
    package var prefillMaxRequests: Int?
    /// Seconds that prompts may add to a step in which streams run (see `PrefillBudget`).
    package var mixedStallSeconds = 0.1
    /// Seconds for which the first prompts of new weights are held back, so that streams do not notice the change.
    package var settleSeconds = 2.0
    /// Seconds that a step of prompts alone is planned to take at most.
    package var longestStepSeconds = 2.0
    /// `lpm` moves a request to the back when it has at most this many cached tokens …
    package var inBatchCheckThreshold = 32
    /// … and shares this many with an earlier one.
    package var inBatchDeprioritizeThreshold = 32

    // MARK: Memory

    /// Tokens a KV page.
    package var pageSize = 1
    package var disableRadixCache = false
    /// Scales the share of `max_new_tokens` that running requests are expected to use.
    package var conservativeness = 1.0
    package var initialNewTokenRatio = 0.7
    package var minimumNewTokenRatioFactor = 0.14
    package var newTokenRatioDecaySteps = 600
    /// Tokens a request that a retraction plans ahead.
    package var retractDecodeSteps = 20
    /// Cap of the tokens still expected of one request.
    package var clipMaxNewTokensEstimation = 4096

    // MARK: Experts

    package var experts = ExpertRecording()

    // MARK: Output

    /// Tokens between updates of requests that do not stream.
    package var forceStreamInterval = 50
    /// Finished outputs kept for a detokenizer that restarts, until the front releases them.
    package var ledgerCount = 16384
    package var ledgerSeconds = 600.0
    package var heartbeatInterval = 0.5
    /// Decode steps a log line.
    package var decodeLogInterval = 40
    /// Facts for `SchedulerReady.details`: one JSON object.
    package var readyDetails = "{}"

    package init(epoch: UInt64, processID: Int32) {
        self.epoch = epoch
        self.processID = processID
    }
}

/// The order of the waiting queue (`--schedule-policy`).
package enum SchedulePolicy: String, Sendable, CaseIterable {
    /// First come, first served.
    case fcfs
    /// Longest cached prefix first.
    case lpm
    /// Depth-first over the prefix tree, subtrees with more waiting requests first.
    case dfsWeight = "dfs-weight"
    /// Largest `max_new_tokens` first.
    case lof
    case random
}
