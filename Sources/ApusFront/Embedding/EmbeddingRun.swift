import ApusCore
import ApusJSON
import ApusText
import ApusWire

/// A text to be made a vector of, as a client gives it.
enum EmbeddingText: Sendable, Hashable {
    case text(String)
    case pair(String, String)
    case ids([Int])
}

/// What routes that make vectors ask for.
struct EmbeddingPlan: Sendable {
    var texts: [EmbeddingText]
    /// Ids that the client gave, one a text; nil: none.
    var rids: [String]?
    var dimensions: Int?
}

/// The vector of one text.
struct EmbeddingAnswer: Sendable {
    /// The id that the client knows.
    var rid: String
    var vector: [Float]
    var promptTokens: Int
    /// Of the weights that made it.
    var weightVersion: String

    /// `meta_info`, as it stands when the answer is sent.
    func metaInfo(_ run: EmbeddingResult, now: Double) -> JSONValue {
        [
            "id": .string(rid), "finish_reason": FinishReason.length(0).json(neverRan: false),
            "prompt_tokens": JSONValue(promptTokens), "weight_version": .string(weightVersion),
            "num_retractions": 0, "e2e_latency": .double(now - run.receivedAt),
            "response_sent_to_client_ts": .double(now),
        ]
    }
}

struct EmbeddingResult: Sendable {
    /// In the order of the texts.
    var answers: [EmbeddingAnswer]
    /// Seconds of the Unix clock.
    var receivedAt: Double

    var promptTokens: Int { answers.reduce(0) { $0 + $1.promptTokens } }
}

extension FrontService {
    static let notEmbedding = FrontError.refused(
        "This model does not appear to be an embedding model by default. Please add `--is-embedding` when launching "
            + "the server or try another model.")

    /// Traits of the model, if it makes vectors.
    func embeddingTraits() throws(FrontError) -> EmbeddingTraits {
        guard let traits = configuration.embedding else { throw Self.notEmbedding }
        return traits
    }

    /// Tokenises the texts on a worker, has their vectors made and waits for them. `size`: bytes of the body.
    func embed(
        _ plan: EmbeddingPlan, size: Int, scope: RequestScope, receivedAt: Double
    ) async throws(FrontError) -> EmbeddingResult {
        let traits = try embeddingTraits()
        let scheduler = try scheduler()
        guard plan.texts.count <= configuration.maximumBatch else {
            throw .refused("A request may have at most \(configuration.maximumBatch) texts, got \(plan.texts.count).")
        }
        guard !plan.texts.isEmpty else {
            return EmbeddingResult(answers: [], receivedAt: receivedAt)
        }
        try checkDimensions(plan.dimensions, traits)
        let tokenizer = EmbeddingTokenizer(
            codec: codec, ready: scheduler, hasSegments: traits.hasSegments,
            truncates: configuration.allowAutoTruncate, preparation: traits.preparation)
        let rids = plan.rids ?? plan.texts.map { _ in RequestID.random() }
        let mailbox = Mailbox(count: rids.count)
        let requests = try await work.run(size: size) { () throws(FrontError) in
            try scope.checkClient()
            // Before tokenising, so that a request can be aborted from here on.
            let ringIDs = try scope.open(rids, into: mailbox, areChosen: plan.rids != nil)
            var requests: [EmbedRequest] = []
            for (ringID, text) in zip(ringIDs, plan.texts) {
                let tokens = try tokenizer.tokens(of: text)
                requests.append(
                    EmbedRequest(
                        rid: ringID, schedulerEpoch: scheduler.schedulerEpoch, inputIDs: tokens.ids,
                        tokenTypes: tokens.types, dimensions: plan.dimensions,
                        mayFillContext: tokenizer.fits(text), origin: scope.origin))
            }
            return requests
        }
        for request in requests {
            try board.dispatch(.embed(request), rid: request.rid, schedulerEpoch: scheduler.schedulerEpoch)
        }
        failIfGone(scheduler)
        var answers = rids.map { EmbeddingAnswer(rid: $0, vector: [], promptTokens: 0, weightVersion: "") }
        while let (index, update) = try await mailbox.next() {
            if let failure = update.finish?.failure { throw failure }
            if case .abort(let message, _, _) = update.finish { throw .refused(message) }
            answers[index].vector = update.vector
            answers[index].weightVersion = update.weightVersion
            answers[index].promptTokens = update.usage.promptTokens
        }
        return EmbeddingResult(answers: answers, receivedAt: receivedAt)
    }

    private func checkDimensions(_ wanted: Int?, _ traits: EmbeddingTraits) throws(FrontError) {
        guard let wanted else { return }
        let model = configuration.servedModelName
        switch traits.shortening {
        case .none:
            throw .refused(
                "Model '\(model)' does not support matryoshka representation, changing output dimensions will lead to "
                    + "poor results.")
        case .only(let sizes) where !sizes.contains(wanted):
            throw .refused(
                "Model '\(model)' only supports \(sizes) matryoshka dimensions, using other output dimensions will "
                    + "lead to poor results.")
        case .any, .only: break
        }
        guard wanted > 0 else { throw .refused("Requested dimensions must be greater than 0") }
        guard wanted <= traits.width else {
            throw .refused("Provided dimensions are greater than max embedding dimension: \(traits.width)")
        }
    }
}

/// Texts to ids within the model's lengths.
struct EmbeddingTokenizer: Sendable {
    let codec: any PromptCodec
    let ready: SchedulerReady
    let hasSegments: Bool
    let truncates: Bool
    let preparation: EmbeddingTraits.Preparation?

    /// Whether a text is cut to the context, so that no length is too long.
    func fits(_ text: EmbeddingText) -> Bool {
        if case .text = text { preparation != nil } else { false }
    }

    func tokens(of text: EmbeddingText) throws(FrontError) -> (ids: [Int32], types: [Int32]) {
        var (ids, types) = try encoded(text)
        guard !ids.isEmpty else { throw .refused("The prompt is empty: it has no tokens.") }
        let context = ready.contextLength
        if ids.count >= context && !fits(text) {
            guard truncates else {
                throw .refused(
                    "The input (\(ids.count) tokens) is longer than the model's context length (\(context) tokens).")
            }
            ids.removeLast(ids.count - context)
            types = Array(types.prefix(context))
        }
        return (ids, types)
    }

    private func encoded(_ text: EmbeddingText) throws(FrontError) -> (ids: [Int32], types: [Int32]) {
        switch text {
        case .text(let text):
            do {
                guard let preparation else { return (try codec.encode(text, addSpecialTokens: true), []) }
                let whole = preparation.prefix + text
                let prepared = preparation.lowercases ? whole.lowercased() : whole
                // Cutting is how these models take long texts.
                let most = min(ready.contextLength, ready.maxTotalTokens)
                let limit = preparation.maximumLength ?? codec.modelMaxLength ?? .max
                return (try codec.encode(prepared, atMost: min(limit, most)), [])
            } catch {
                throw .refused("The prompt cannot be tokenized: \(error)")
            }
        case .pair(let first, let second):
            let pair = codec.encodePair(first, second)
            return (pair.ids, hasSegments ? pair.typeIDs : [])
        case .ids(let ids):
            var tokens: [Int32] = []
            tokens.reserveCapacity(ids.count)
            for id in ids {
                guard (0..<ready.vocabularySize).contains(id) else {
                    throw .refused("Token ID \(id) is out of vocabulary (vocab size: \(ready.vocabularySize))")
                }
                tokens.append(Int32(id))
            }
            guard !tokens.isEmpty else { throw .refused("input_ids cannot be empty.") }
            return (tokens, [])
        }
    }
}
