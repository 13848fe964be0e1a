package import ApusCore
package import ApusGrammar

/// What the choice of one sequence's tokens depends on: its parameters, its seed and its own output so far.
package final class SequenceSampler {
    package let parameters: SamplingParameters
    /// Seed of the counter-based generator; with the position it fixes the draw.
    package let seed: UInt64
    /// Tokens that may not be chosen while fewer than `minNewTokens` are generated.
    package let endTokenIDs: [Int32]
    /// Log probabilities to report with each chosen token; nil: none.
    package let logprobs: LogprobSelection?
    /// Occurrences of each token in the output so far; kept only when a penalty needs them.
    package private(set) var counts: [Int32: Int32] = [:]
    /// Tokens generated so far.
    package private(set) var generated = 0
    /// What constrains the output; nil: nothing.
    package private(set) var grammar: GrammarMatcher?
    /// A token was appended that the grammar does not allow. The words say which.
    package private(set) var grammarFailure: String?
    /// The grammar does not bind before this token has come.
    private var grammarFollows: Int32?

    /// Which log probabilities to report beside the chosen token's own.
    package struct LogprobSelection: Sendable, Hashable {
        package var topCount: Int
        package var tokenIDs: [Int32]

        package init(topCount: Int, tokenIDs: [Int32]) {
            self.topCount = topCount
            self.tokenIDs = tokenIDs
        }
    }

    package init(
        parameters: SamplingParameters, seed: UInt64, endTokenIDs: [Int32], logprobs: LogprobSelection? = nil
    ) {
        self.parameters = parameters
        self.seed = seed
        self.endTokenIDs = endTokenIDs
        self.logprobs = logprobs
    }

    /// Notes a token that was appended to the output.
    package func note(_ token: Int32) {
        generated += 1
        if needsCounts { counts[token, default: 0] += 1 }
        if grammarFollows != nil {
            if token == grammarFollows { grammarFollows = nil }
        } else if let grammar, !grammar.accept(token) {
            grammarFailure =
                grammar.isOverwhelmed
                ? "the text can be read in too many ways" : "token \(token) does not fit the text before it"
        }
    }

    // MARK: - Grammar

    /// Constrains what is to come; before the first token.
    package func bind(_ grammar: GrammarMatcher) {
        precondition(generated == 0 && self.grammar == nil)
        self.grammar = grammar
        grammarFollows = parameters.grammarFollows
    }

    /// The grammar, once it binds.
    package var bindingGrammar: GrammarMatcher? { grammarFollows == nil ? grammar : nil }

    /// The one token that can come next whatever the logits are; nil: there are several, or none.
    package var onlyToken: Int32? { bindingGrammar?.onlyToken }

    /// What the sampler would report with `onlyToken`; nil: nothing is wanted.
    package func certainLogprobs(_ token: Int32, vocabularySize: Int) -> PositionLogprobs? {
        logprobs.map { LogProbabilities.certain(token: token, selection: $0, vocabularySize: vocabularySize) }
    }

    private var needsCounts: Bool {
        parameters.frequencyPenalty != 0 || parameters.presencePenalty != 0 || parameters.repetitionPenalty != 1
    }
}
