import ApusCore
import ApusEngine
import ApusGrammar
import ApusWire

/// Judges requests as they arrive: what can never run is refused here, before it can harm a step.
struct Intake {
    let configuration: SchedulerConfiguration
    let limits: Limits
    let vocabularySize: Int
    let hiddenSize: Int
    /// Worker's and tokenizer's end tokens, each once.
    let endTokenIDs: [Int32]

    /// A request that may run, as it will run.
    struct Admitted {
        var prompt: [Int32]
        /// What the prompt begins with instead of vectors of tokens; empty: nothing.
        var embeddings: [Float] = []
        var maxNewTokens: Int
        var interval: Int
        var namespace: PrefixNamespace
        /// What the sampler masks until `min_new_tokens` are made: all inside the vocabulary.
        var endTokenIDs: [Int32]
        /// What a grammar allows where its text may end.
        var grammarEndTokens: [Int32]
    }

    struct Refusal: Error {
        var reason: FinishReason

        init(_ message: String, status: Int = 400) {
            reason = .refused(message, status: status)
        }
    }

    init(
        _ configuration: SchedulerConfiguration, limits: Limits, vocabularySize: Int, hiddenSize: Int = 0,
        workerEndTokenIDs: [Int32]
    ) {
        self.configuration = configuration
        self.limits = limits
        self.vocabularySize = vocabularySize
        self.hiddenSize = hiddenSize
        var seen: Set<Int32> = []
        endTokenIDs = (workerEndTokenIDs + configuration.extraEndTokenIDs).filter { seen.insert($0).inserted }
    }

    /// Numbers of all hidden states of one request: they go over the ring together.
    private static let mostHiddenNumbers = 16 << 20

    func admit(_ request: GenerateRequest, generation: Int = 0) throws(Refusal) -> Admitted {
        try checkIDs(request)
        let prompt = try fit(request.inputIDs)
        try checkEmbeddings(request)
        if let start = request.logprobs?.promptStart {
            guard start >= 0 else { throw Refusal("logprob_start_len must be at least -1, got \(start).") }
            guard start <= prompt.count else {
                throw Refusal(
                    "logprob_start_len (\(start)) is higher than the number of input tokens (\(prompt.count)). "
                        + "Please use a smaller logprob_start_len.")
            }
        }
        let maxNewTokens = clip(request.sampling.maxNewTokens, promptCount: prompt.count)
        if request.hidden == .full {
            let most = Self.mostHiddenNumbers / max(1, hiddenSize)
            guard prompt.count + maxNewTokens <= most else {
                throw Refusal(
                    "Hidden states of \(prompt.count + maxNewTokens) tokens were asked for; at most \(most) fit.")
            }
        }
        return Admitted(
            prompt: prompt, embeddings: Array(request.inputEmbeddings.prefix(prompt.count * hiddenSize)),
            maxNewTokens: maxNewTokens,
            interval: interval(request),
            namespace: namespace(of: request, generation),
            endTokenIDs: (endTokenIDs + request.sampling.stopTokenIDs).filter(isToken),
            // Ids that end nothing under `ignore_eos` stand for nothing in a grammar either.
            grammarEndTokens: (endTokenIDs + (request.sampling.ignoreEOS ? [] : request.sampling.stopTokenIDs))
                .filter(isToken))
    }

    /// Tokens that stand for given vectors are the same whatever these are: nobody shares their prefixes.
    private func namespace(of request: GenerateRequest, _ generation: Int) -> PrefixNamespace {
        let own = request.inputEmbeddings.isEmpty ? "" : "\u{0}\(request.rid)"
        return PrefixNamespace(name: request.cacheNamespace + own, generation: generation)
    }

    private func checkEmbeddings(_ request: GenerateRequest) throws(Refusal) {
        let count = request.inputEmbeddings.count
        guard count == 0 || count == request.inputIDs.count * hiddenSize else {
            throw Refusal(
                "input_embeds has rows of \(count / request.inputIDs.count) numbers, "
                    + "and the model's have \(hiddenSize).")
        }
        guard request.inputEmbeddings.allSatisfy(\.isFinite) else {
            throw Refusal("input_embeds has numbers that are too large.")
        }
        guard count == 0 || request.logprobs?.promptStart == nil else {
            throw Refusal("logprob_start_len: input_embeds has no tokens to tell log probabilities of.")
        }
    }

    /// An id outside the vocabulary would read or write beside a table.
    private func checkIDs(_ request: GenerateRequest) throws(Refusal) {
        guard !request.inputIDs.isEmpty else { throw Refusal("input_ids cannot be empty.") }
        for id in request.inputIDs where !isToken(id) {
            throw Refusal("input_ids must be in [0, \(vocabularySize)), got \(id).")
        }
        for id in request.logprobs?.tokenIDs ?? [] where !isToken(id) {
            throw Refusal("token_ids_logprob must be in [0, \(vocabularySize)), got \(id).")
        }
        for id in request.sampling.logitBias.keys where !isToken(id) {
            throw Refusal("logit_bias must has keys in [0, \(vocabularySize - 1)], got \(id).")
        }
    }

    private func isToken(_ id: Int32) -> Bool { id >= 0 && id < vocabularySize }

    private func fit(_ prompt: [Int32]) throws(Refusal) -> [Int32] {
        let limit = limits.longestInput
        guard prompt.count >= limit else { return prompt }
        guard configuration.allowAutoTruncate && limit > 0 else {
            throw Refusal(
                "Input length (\(prompt.count) tokens) exceeds the maximum allowed length (\(limit) tokens). "
                    + "Use a shorter input or enable --allow-auto-truncate.")
        }
        return Array(prompt.prefix(limit))
    }

    private func clip(_ wanted: Int?, promptCount: Int) -> Int {
        let room = limits.longestRequest - promptCount - 1
        return max(0, min(wanted ?? .max, configuration.maxNewTokensLimit ?? .max, room))
    }

    private func interval(_ request: GenerateRequest) -> Int {
        if request.sampling.watchesText { return 1 }
        return max(1, request.stream ? request.streamInterval : configuration.forceStreamInterval)
    }

    // MARK: - Endings

    /// Why a request ends with the token that it just made, if it does; what the text may say is not known here.
    func ending(of request: Request, token: Int32) -> FinishReason? {
        let sampling = request.sampling
        if let failure = request.sampler.grammarFailure {
            return .refused("Grammar accept_token failed: \(failure)", status: 500)
        }
        if !sampling.ignoreEOS && (endTokenIDs.contains(token) || sampling.stopTokenIDs.contains(token)) {
            return .stopToken(token)
        }
        if request.generated >= request.maxNewTokens { return .length(request.maxNewTokens) }
        guard let grammar = request.sampler.bindingGrammar, !grammar.mayContinue else { return nil }
        if grammar.hasEnded { return .stopToken(token) }
        return request.grammarEndTokens.isEmpty ? .grammarEnd(token) : nil
    }

    /// What stands in the output for a token that the logits could not name.
    func substitute(for request: Request) -> Int32 {
        endTokenIDs.first(where: isToken) ?? request.sampling.stopTokenIDs.first(where: isToken) ?? 0
    }

    func isValid(_ token: Int32) -> Bool { isToken(token) }
}
