import ApusCore
import ApusWire

/// One sample to be generated: a prompt's tokens with everything that the scheduler must know.
struct PlannedSample: Sendable {
    /// The id that the client knows.
    var rid: String
    /// What is sent.
    var inputIDs: [Int32]
    /// What they begin with instead of their vectors; empty: nothing.
    var inputEmbeddings: [Float] = []
    /// What `prompt_token_ids` shows: more than is sent when the scheduler's limit cut the prompt.
    var promptIDs: [Int32]
    var sampling: SamplingParameters
    var logprobs: LogprobRequest?
    var hidden: HiddenRequest?
    var cacheNamespace: String
    var streamInterval: Int
    var isHealthCheck = false
    /// Where it stands in its session; nil: it belongs to none.
    var turn: SessionTurn?
}

/// A `/generate` request, understood and checked.
struct GeneratePlan: Sendable {
    /// Prompt-major: p0s0, p0s1, …, p1s0, …
    var samples: [PlannedSample]
    /// Runs without output that fill the prefix cache before several samples of one prompt start.
    var prefixRuns: [PlannedSample]
    /// The answer is an array, and chunks of a stream carry an index.
    var isArray: Bool
    var isStream: Bool
    var look: AnswerLook
}

/// What of a sample is shown besides what its log probabilities ask for.
struct AnswerLook: Sendable {
    var showsPromptIDs = false
    /// Logprob entries carry the text of their token.
    var showsLogprobText = false
}
