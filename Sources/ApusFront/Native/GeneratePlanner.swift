import ApusCore
import ApusJSON
import ApusWire

/// From the outline of a request to what is sent: tokenising, lengths, log probabilities. Runs on a worker.
struct GeneratePlanner: Sendable {
    let configuration: FrontConfiguration
    let codec: any PromptCodec
    let ready: SchedulerReady
    let sessions: SessionTable

    /// Bytes of all stop strings, of a cache namespace, ids of one `token_ids_logprob`: what is copied to each sample.
    private static let mostStopBytes = 64 << 10
    /// Of a request's `input_embeds`, which travel and wait once a sample.
    private static let mostEmbeddingBytes = 64 << 20
    private static let mostNamespaceBytes = 1_024
    private static let mostChosenIDs = 4_096
    private static let mostAlternatives = 1_024

    func outline(_ body: JSONObject) throws(FrontError) -> GenerateOutline {
        try GenerateFields.refuseUnsupported(body)
        return try GenerateOutline(
            body, preferred: configuration.preferredSamplingParameters, vocabularySize: ready.vocabularySize,
            isRadixCacheDisabled: configuration.isRadixCacheDisabled, grammars: configuration.grammars,
            limit: configuration.maximumBatch)
    }

    func plan(
        _ body: JSONObject, _ outline: GenerateOutline, grammarFollows: Int32? = nil
    ) throws(FrontError) -> GeneratePlan {
        let logprobs = try LogprobFields(body, count: outline.prompts.count)
        let namespaces = try cacheNamespaces(body, count: outline.prompts.count)
        let places = try body.perPrompt("session_params", count: outline.prompts.count)
        let hidden = try hiddenRequests(body, count: outline.prompts.count)
        let perPrompt = outline.sampleCount
        var plan = GeneratePlan(
            samples: [], prefixRuns: [], isArray: outline.isBatch || perPrompt > 1,
            isStream: body["stream"]?.boolValue ?? false, look: AnswerLook())
        plan.look.showsPromptIDs = body["return_prompt_token_ids"]?.boolValue ?? false
        plan.look.showsLogprobText = body["return_text_in_logprobs"]?.boolValue ?? false

        let thinkingEnd = try thinkingEnd(body)
        var embeddingBytes = 0
        for (index, prompt) in outline.prompts.enumerated() {
            let reading = outline.readings[index]
            var ids = try tokens(of: prompt)
            let place = try places[index].map { value throws(FrontError) in try SessionPlace(value) }
            if let place { ids = try sessions.history(before: ids, at: place, startToken: startToken) }
            guard !ids.isEmpty else { throw .refused("The prompt is empty: it has no tokens.") }
            var sampling = reading.parameters
            if sampling.grammar != nil { sampling.grammarFollows = grammarFollows ?? thinkingEnd }
            try fit(&ids, &sampling, hasExplicitLength: reading.hasExplicitLength)
            let stopBytes = sampling.stopStrings.reduce(0) { $0 + $1.utf8.count }
            guard stopBytes <= Self.mostStopBytes else {
                throw .refused("stop strings may have at most \(Self.mostStopBytes) bytes together, got \(stopBytes).")
            }
            var sample = PlannedSample(
                rid: "", inputIDs: sentPart(of: ids), promptIDs: plan.look.showsPromptIDs ? ids : [],
                sampling: sampling, logprobs: try request(logprobs.items[index], promptCount: ids.count),
                hidden: hidden[index],
                cacheNamespace: namespaces[index],
                streamInterval: reading.streamInterval ?? configuration.streamInterval)
            if case .embeddings(let rows, let numbers) = prompt {
                embeddingBytes += numbers.count * perPrompt * MemoryLayout<Float>.stride
                guard embeddingBytes <= Self.mostEmbeddingBytes else {
                    throw .refused(
                        "input_embeds: at most \(Self.mostEmbeddingBytes / 4) numbers a request, once for each sample.")
                }
                sample.inputEmbeddings = Array(numbers.prefix(numbers.count / rows * sample.inputIDs.count))
                sample.promptIDs = []
            }
            for number in 0..<perPrompt {
                var copy = sample
                copy.rid = outline.rids[plan.samples.count]
                if let seed = sampling.seed { copy.sampling.seed = seed &+ Int64(number) }
                if let place {
                    copy.turn = SessionTurn(
                        rid: copy.rid, prompt: copy.inputIDs, at: place, meter: sessions.meter)
                }
                plan.samples.append(copy)
            }
            // What nobody can match needs not be computed first.
            if perPrompt > 1, sample.inputEmbeddings.isEmpty { plan.prefixRuns.append(prefixRun(of: sample)) }
        }
        return plan
    }

    // MARK: Tokens and lengths

    private func tokens(of prompt: GenerateOutline.Prompt) throws(FrontError) -> [Int32] {
        var tokens: [Int32]
        switch prompt {
        case .text(let text):
            do {
                tokens = try codec.encode(text, addSpecialTokens: true)
            } catch {
                throw .refused("The prompt cannot be tokenized: \(error)")
            }
        // Any ids will do.
        case .embeddings(let rows, _): tokens = Array(repeating: 0, count: rows)
        case .ids(let ids):
            tokens = []
            tokens.reserveCapacity(ids.count)
            for id in ids {
                guard (0..<ready.vocabularySize).contains(id) else { throw outOfVocabulary(id) }
                tokens.append(Int32(id))
            }
        }
        return tokens
    }

    /// `require_reasoning`: outputs think first, and what constrains them does so behind that.
    private func thinkingEnd(_ body: JSONObject) throws(FrontError) -> Int32? {
        guard body["require_reasoning"] == true else { return nil }
        guard configuration.reasoningParser != nil else {
            throw .refused("require_reasoning needs a server that was launched with --reasoning-parser")
        }
        guard let end = codec.tokenID(of: ReasoningSplitter.end) else {
            throw .refused("require_reasoning: the tokenizer has no token \(ReasoningSplitter.end)")
        }
        return end
    }

    /// What the tokenizer puts before every text; nil: nothing.
    private var startToken: Int32? { try? codec.encode("", addSpecialTokens: true).first }

    /// The two length rules that are the front's; the third, and the silent clipping, are the scheduler's.
    private func fit(
        _ ids: inout [Int32], _ sampling: inout SamplingParameters, hasExplicitLength: Bool
    ) throws(FrontError) {
        let context = ready.contextLength
        if ids.count >= context {
            guard configuration.allowAutoTruncate else {
                throw .refused(
                    "The input (\(ids.count) tokens) is longer than the model's context length (\(context) tokens).")
            }
            ids.removeLast(ids.count - context)
        }
        guard hasExplicitLength, let wanted = sampling.maxNewTokens else { return }
        let (total, overflows) = ids.count.addingReportingOverflow(wanted)
        guard overflows || total > context else { return }
        guard configuration.allowAutoTruncate else {
            throw .refused(
                "Requested token count exceeds the model's maximum context length of \(context) tokens. "
                    + "You requested a total of \(overflows ? Int.max : total) tokens: \(ids.count) tokens from the "
                    + "input messages and \(wanted) tokens for the completion. Please reduce the number of tokens in "
                    + "the input messages or the completion to fit within the limit.")
        }
        sampling.maxNewTokens = max(0, context - ids.count)
        sampling.minNewTokens = min(sampling.minNewTokens, context - ids.count)
    }

    /// With truncation the scheduler's limit cuts the prompt once more.
    private func sentPart(of ids: [Int32]) -> [Int32] {
        let limit = ready.maxRequestInputLength
        guard configuration.allowAutoTruncate, ids.count >= limit, limit > 0 else { return ids }
        return Array(ids.prefix(limit))
    }

    private func prefixRun(of sample: PlannedSample) -> PlannedSample {
        var run = sample
        run.rid = RequestID.random()
        run.sampling = SamplingParameters()
        run.sampling.maxNewTokens = 0
        run.logprobs = nil
        run.hidden = nil
        return run
    }

    // MARK: Hidden states, log probabilities and cache

    private func hiddenRequests(_ body: JSONObject, count: Int) throws(FrontError) -> [HiddenRequest?] {
        let wanted = try body.perPrompt("return_hidden_states", count: count).map { $0 == true }
        guard wanted.contains(true) else { return Array(repeating: nil, count: count) }
        guard let mode = configuration.hiddenStates else {
            throw .refused(
                "The server is not configured to return hidden states. "
                    + "Please set `--return-hidden-states-mode last`, `--return-hidden-states-mode full`, "
                    + "or the legacy `--enable-return-hidden-states` flag.")
        }
        return wanted.map { $0 ? mode : nil }
    }

    private func request(_ item: LogprobFields.Item, promptCount: Int) throws(FrontError) -> LogprobRequest? {
        guard item.isWanted else { return nil }
        guard item.start >= -1 else {
            throw .refused("logprob_start_len must be -1 or at least 0, got \(item.start).")
        }
        guard item.start <= promptCount else {
            throw .refused(
                "logprob_start_len (\(item.start)) is higher than the number of input tokens (\(promptCount)). "
                    + "Please use a smaller logprob_start_len.")
        }
        guard (0...Self.mostAlternatives).contains(item.topCount) else {
            throw .refused("top_logprobs_num must be in [0, \(Self.mostAlternatives)], got \(item.topCount).")
        }
        guard item.tokenIDs.count <= Self.mostChosenIDs else {
            throw .refused("token_ids_logprob may have at most \(Self.mostChosenIDs) ids, got \(item.tokenIDs.count).")
        }
        for id in item.tokenIDs where !(0..<ready.vocabularySize).contains(id) { throw outOfVocabulary(id) }
        let start = item.start >= 0 && item.start < promptCount ? item.start : nil
        return LogprobRequest(
            promptStart: start, topCount: min(item.topCount, ready.vocabularySize),
            tokenIDs: item.tokenIDs.map(Int32.init))
    }

    private func cacheNamespaces(_ body: JSONObject, count: Int) throws(FrontError) -> [String] {
        let keys = try body.perPrompt("extra_key", count: count)
        let salts = try body.perPrompt("cache_salt", count: count)
        var namespaces: [String] = []
        for (key, salt) in zip(keys, salts) {
            let key = key?.stringValue ?? ""
            let salt = salt?.stringValue ?? ""
            guard key.utf8.count <= Self.mostNamespaceBytes, salt.utf8.count <= Self.mostNamespaceBytes else {
                throw .refused("extra_key and cache_salt may have at most \(Self.mostNamespaceBytes) bytes each.")
            }
            // The length keeps ("ab", "c") apart from ("a", "bc").
            namespaces.append(key.isEmpty && salt.isEmpty ? "" : "\(key.utf8.count):\(key)\(salt)")
        }
        return namespaces
    }

    private func outOfVocabulary(_ id: Int) -> FrontError {
        .refused("Token ID \(id) is out of vocabulary (vocab size: \(ready.vocabularySize))")
    }
}

extension JSONObject {
    /// A member that is one value for all prompts or a list of one a prompt.
    func perPrompt(_ name: String, count: Int) throws(FrontError) -> [JSONValue?] {
        guard let value = given(name) else { return Array(repeating: nil, count: count) }
        guard let list = value.arrayValue else { return Array(repeating: value, count: count) }
        guard list.count == count else {
            throw .refused("The length of \(name) (\(list.count)) must equal the batch size (\(count)).")
        }
        return list.map { $0.isNull ? nil : $0 }
    }
}
