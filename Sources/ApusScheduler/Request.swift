import ApusCore
import ApusEngine
import ApusGrammar
import ApusWire

/// One request from its arrival until the front releases it.
final class Request {
    enum Phase {
        /// Its grammar is being compiled. Has not run, and holds no memory.
        case compiling
        /// In the queue, for the first time or after a retraction. Holds no memory.
        case waiting
        /// Admitted; its prompt is not computed to the end.
        case prefilling
        /// Makes a token a step.
        case decoding
        /// Over. Holds its output and no memory, so that the output can be sent again.
        case finished
    }

    let rid: String
    let origin: RequestOrigin
    /// Rank of arrival, unique.
    let arrival: UInt64
    private(set) var namespace: PrefixNamespace
    /// The names of the weights that made the output.
    private(set) var weights: [WeightSpan] = []
    let sampling: SamplingParameters
    /// `max_new_tokens` after clipping.
    let maxNewTokens: Int
    /// Tokens between two updates.
    let interval: Int
    let stream: Bool
    let logprobs: LogprobRequest?
    let hidden: HiddenRequest?
    let sampler: SequenceSampler
    /// What a grammar allows where its text may end.
    let grammarEndTokens: [Int32]
    let promptCount: Int
    /// What the prompt's positions begin with instead of vectors of tokens; empty: nothing. Gone once finished.
    private var embeddings: [Float]

    var phase = Phase.waiting
    /// Prompt and output; the output alone once finished.
    private(set) var tokens: [Int32]
    /// Index in `tokens` of the first output token.
    private(set) var outputStart: Int
    /// The last prompt tokens, for the detokenizer.
    let promptTail: [Int32]
    private(set) var outputLogprobs: [TokenLogprobs] = []
    private(set) var promptLogprobs: [TokenLogprobs] = []
    /// Those that the output's tokens were chosen by; with `last` the older ones are empty.
    private(set) var outputHidden: [HiddenState] = []
    private(set) var promptHidden: [HiddenState] = []
    private(set) var finish: FinishReason?

    // MARK: Memory

    /// Slots by position; see `KVCache`. nil while the request has never been admitted, and at the end.
    private(set) var table: SlotTable?
    var lease = PrefixLease()
    /// Positions whose KV is computed.
    var computed = 0

    // MARK: What was told

    /// Output tokens that the detokenizer's queue has taken.
    var sent = 0
    /// The stream's opening was taken.
    var isOpened = false
    /// The finish reason was taken.
    var isClosed = false
    /// In `Outputs`' list.
    var isDue = false
    /// The front has no more interest.
    var isReleased = false
    var cachedTokens = 0
    var retractions = 0
    var timing = Timing()
    /// Seconds of `Clocks.monotonic()`, of arrival and of the first step.
    let queuedAt: Double
    var startedAt: Double?

    init(_ request: GenerateRequest, admitted: Intake.Admitted, arrival: UInt64, seed: UInt64, now: Double) {
        rid = request.rid
        origin = request.origin
        self.arrival = arrival
        namespace = admitted.namespace
        sampling = request.sampling
        maxNewTokens = admitted.maxNewTokens
        interval = admitted.interval
        stream = request.stream
        logprobs = request.logprobs
        hidden = request.hidden
        promptCount = admitted.prompt.count
        embeddings = admitted.embeddings
        tokens = admitted.prompt
        outputStart = admitted.prompt.count
        grammarEndTokens = admitted.grammarEndTokens
        promptTail = Array(admitted.prompt.suffix(5))
        queuedAt = now
        var parameters = request.sampling
        parameters.maxNewTokens = admitted.maxNewTokens
        parameters.minNewTokens = min(parameters.minNewTokens, admitted.maxNewTokens)
        sampler = SequenceSampler(
            parameters: parameters, seed: seed, endTokenIDs: admitted.endTokenIDs,
            logprobs: request.logprobs.map { .init(topCount: $0.topCount, tokenIDs: $0.tokenIDs) })
        if let start = request.logprobs?.promptStart, start < promptCount {
            promptLogprobs.reserveCapacity(promptCount - start)
            promptLogprobs.append(TokenLogprobs(token: tokens[start], logprob: nil))
        }
    }

    // MARK: - Weights

    /// Which of the worker's weights it runs on.
    var generation: Int { namespace.generation }

    /// Goes on with other weights; it must not hold KV of the old ones.
    func move(to generation: Int) {
        precondition(phase == .waiting && computed == 0)
        namespace.generation = generation
        // Without output yet it is as if it had just come.
        guard generated == 0 else { return }
        if !promptLogprobs.isEmpty { promptLogprobs.removeLast(promptLogprobs.count - 1) }
        promptHidden.removeAll()
    }

    /// What comes next is made by weights of this name.
    func noteWeights(_ version: String) {
        guard weights.last?.version != version else { return }
        if weights.last?.start == generated { weights.removeLast() }
        guard weights.last?.version != version else { return }
        weights.append(WeightSpan(version: version, start: generated))
    }

    // MARK: - Output

    var generated: Int { tokens.count - outputStart }
    var unsent: Int { generated - sent }

    /// Numbers of hidden states that the next update carries.
    var unsentHiddenNumbers: Int {
        guard hidden != nil else { return 0 }
        let states = outputHidden[sent...].reduce(0) { $0 + $1.numbers.count }
        return sent == 0 ? promptHidden.reduce(states) { $0 + $1.numbers.count } : states
    }

    func output(from start: Int) -> [Int32] { Array(tokens[(outputStart + start)...]) }

    func append(_ token: Int32, logprobs position: PositionLogprobs?, hidden state: HiddenState? = nil) {
        tokens.append(token)
        sampler.note(token)
        if let hidden {
            if hidden == .last, let index = outputHidden.indices.last { outputHidden[index].numbers = [] }
            outputHidden.append(state ?? HiddenState([]))
        }
        guard logprobs != nil else { return }
        outputLogprobs.append(position.map { TokenLogprobs(token: token, $0) } ?? .init(token: token, logprob: nil))
    }

    /// Something is to be told now: the end, a stream's first token, or as many as the interval asks.
    var wantsUpdate: Bool {
        if phase == .finished { return !isClosed }
        return unsent >= interval || (stream && sent == 0 && unsent > 0)
    }

    var usage: Usage {
        Usage(
            promptTokens: promptCount, cachedTokens: cachedTokens, completionTokens: generated,
            retractions: retractions, weights: weights)
    }

    /// The grammar allows no token that there is.
    var isAtDeadEnd: Bool { sampler.bindingGrammar.map { $0.mask.count == 0 } ?? false }

    // MARK: - Prefill

    /// Prompt tokens that may come from the cache: one token is always computed, and so is each position whose
    /// successor's log probability is still wanted.
    var reuseLimit: Int { min(tokens.count - 1, nextLogprobRow ?? .max, nextHiddenRow ?? .max) }

    /// Position of the next row that a prompt log probability is wanted of.
    private var nextLogprobRow: Int? {
        guard let start = logprobs?.promptStart, !promptLogprobs.isEmpty else { return nil }
        let row = start + promptLogprobs.count - 1
        return row < promptCount - 1 ? row : nil
    }

    /// Position of the next prompt row whose hidden state is wanted.
    private var nextHiddenRow: Int? {
        switch hidden {
        case nil: nil
        case .last?: promptHidden.isEmpty && generated == 0 ? promptCount - 1 : nil
        case .full?: promptHidden.count < promptCount ? promptHidden.count : nil
        }
    }

    /// Rows, counted from `computed`, among the next `count` whose hidden states are wanted: those of the prompt that are
    /// not there yet, and the one that the next token is chosen by.
    func hiddenRows(count: Int, isComplete: Bool) -> Range<Int> {
        guard hidden != nil else { return 0..<0 }
        let end = isComplete ? computed + count : min(computed + count, promptCount)
        let start = nextHiddenRow ?? tokens.count - 1
        guard start < end else { return 0..<0 }
        precondition(start >= computed, "hidden states were skipped")
        return (start - computed)..<(end - computed)
    }

    /// Takes in the hidden states of `hiddenRows`, and gives the one that the next token was chosen by.
    func noteHidden(_ states: [[Float]]) -> HiddenState? {
        guard !states.isEmpty else { return nil }
        if nextHiddenRow != nil {
            let wanted = promptCount - (nextHiddenRow ?? 0)
            promptHidden += states.prefix(wanted).map(HiddenState.init)
        }
        return states.last.map(HiddenState.init)
    }

    /// What the prompt's rows among the next `count` begin with.
    func embeddings(count: Int) -> ArraySlice<Float> {
        guard !embeddings.isEmpty, computed < promptCount else { return [] }
        let size = embeddings.count / promptCount
        return embeddings[computed * size..<min(computed + count, promptCount) * size]
    }

    /// Rows, counted from `computed`, among the next `count` whose successors' log probabilities are wanted.
    func promptLogprobRows(count: Int) -> Range<Int> {
        guard let first = nextLogprobRow else { return 0..<0 }
        let end = min(computed + count, promptCount - 1)
        guard first < end else { return 0..<0 }
        precondition(first >= computed, "prompt log probabilities were skipped")
        return (first - computed)..<(end - computed)
    }

    /// The prompt tokens that follow `rows`.
    func promptLogprobTargets(_ rows: Range<Int>) -> ArraySlice<Int32> {
        rows.isEmpty ? [] : tokens[(computed + rows.lowerBound + 1)..<(computed + rows.upperBound + 1)]
    }

    func notePromptLogprobs(_ positions: [PositionLogprobs]) {
        guard let start = logprobs?.promptStart else { return }
        for position in positions {
            promptLogprobs.append(TokenLogprobs(token: tokens[start + promptLogprobs.count], position))
        }
    }

    // MARK: - Memory

    /// The slot table, made when first needed: room for the longest that this request can become.
    func prepareTable(pageSize: Int) -> SlotTable {
        if let table { return table }
        let longest = (promptCount + maxNewTokens + pageSize - 1) / pageSize * pageSize
        let made = SlotTable(capacity: longest)
        table = made
        return made
    }

    /// The end: keeps what may have to be sent again, and nothing else. The memory must have been given back.
    func close(_ reason: FinishReason) {
        precondition(lease.node == nil && (table?.count ?? 0) == 0)
        finish = reason
        phase = .finished
        table = nil
        embeddings = []
        tokens = Array(tokens[outputStart...])
        outputStart = 0
    }
}

extension TokenLogprobs {
    init(token: Int32, _ position: PositionLogprobs) {
        self.init(
            token: token, logprob: position.logprob,
            top: position.top.map { .init(token: $0.token, logprob: $0.logprob) },
            chosen: position.chosen.map { .init(token: $0.token, logprob: $0.logprob) })
    }
}
