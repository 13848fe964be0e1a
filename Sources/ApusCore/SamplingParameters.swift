/// How the tokens of one request are chosen and when it ends: the request's `sampling_params` after validation.
///
/// A temperature below 1e-6 has already become `temperature = 1, topK = 1` (greedy).
package struct SamplingParameters: Sendable, Hashable {
    /// Most tokens to generate; nil: until the context is full.
    package var maxNewTokens: Int? = 128
    /// End-of-sequence and stop tokens are masked until this many tokens are generated.
    package var minNewTokens = 0
    /// Divisor of the logits, > 0.
    package var temperature: Float = 1
    /// Share of the probability mass that is kept, in (0, 1].
    package var topP: Float = 1
    /// Number of candidates that are kept; nil: the whole vocabulary.
    package var topK: Int?
    /// Candidates below this share of the best one's probability are dropped, in [0, 1].
    package var minP: Float = 0
    /// Subtracted once per earlier occurrence in the output.
    package var frequencyPenalty: Float = 0
    /// Subtracted once if the token occurred in the output.
    package var presencePenalty: Float = 0
    /// Divides positive and multiplies negative logits of tokens that occurred in the output; 1: none.
    package var repetitionPenalty: Float = 1
    /// Added to the logits, by token id.
    package var logitBias: [Int32: Float] = [:]
    /// Seed of this request's generator; nil: drawn by the scheduler.
    package var seed: Int64?

    package var stopStrings: [String] = []
    package var stopTokenIDs: [Int32] = []
    package var stopRegexes: [String] = []
    /// Neither end-of-sequence tokens nor `stopTokenIDs` end the request.
    package var ignoreEOS = false
    package var skipSpecialTokens = true
    package var spacesBetweenSpecialTokens = true
    /// Keep the matched stop string or token in the text.
    package var noStopTrim = false

    /// What the output must obey; nil: nothing.
    package var grammar: GrammarSource?
    /// The grammar binds only what follows the first of these tokens in the output (the end of thinking); nil: all of it.
    package var grammarFollows: Int32?

    package init() {}

    /// One candidate is left whatever the temperature.
    package var isGreedy: Bool { topK == 1 }

    /// The text must be watched for an ending that only the detokenizer can see.
    package var watchesText: Bool { !stopStrings.isEmpty || !stopRegexes.isEmpty }
}
