import ApusCore
import ApusWire

/// A prompt, and the tokens of interest after it.
struct LabelPrompt: Sendable {
    var ids: [Int32]
    var labels: [Int32]
}

extension FrontService {
    /// Log probabilities, over the whole vocabulary, of each prompt's labels as its next token.
    ///
    /// Each prompt is one prefill: the one token that it makes comes from the same logits and is not looked at. Prompts
    /// that begin alike share that beginning through the prefix cache.
    func labelLogprobs(_ prompts: [LabelPrompt], scope: RequestScope) async throws(FrontError) -> [[Double]] {
        let scheduler = try scheduler()
        guard prompts.count <= configuration.maximumBatch else {
            throw .refused("A request may have at most \(configuration.maximumBatch) items, got \(prompts.count).")
        }
        for prompt in prompts {
            guard !prompt.ids.isEmpty else { throw .refused("The prompt is empty: it has no tokens.") }
            guard prompt.ids.count < scheduler.contextLength else {
                throw .refused(
                    "The input (\(prompt.ids.count) tokens) is longer than the model's context length "
                        + "(\(scheduler.contextLength) tokens).")
            }
            for id in prompt.ids where !(0..<scheduler.vocabularySize).contains(Int(id)) {
                throw .refused("Token ID \(id) is out of vocabulary (vocab size: \(scheduler.vocabularySize))")
            }
        }
        let mailbox = Mailbox(count: prompts.count)
        let rids = try scope.open(prompts.map { _ in RequestID.random() }, into: mailbox, areChosen: false)
        var sampling = SamplingParameters()
        sampling.maxNewTokens = 1
        sampling.topK = 1
        for (rid, prompt) in zip(rids, prompts) {
            try board.dispatch(
                GenerateRequest(
                    rid: rid, schedulerEpoch: scheduler.schedulerEpoch, inputIDs: prompt.ids, sampling: sampling,
                    logprobs: LogprobRequest(tokenIDs: prompt.labels), origin: scope.origin))
        }
        failIfGone(scheduler)
        var rows = prompts.map { _ in [Double]() }
        while let (index, update) = try await mailbox.next() {
            if let failure = update.finish?.failure { throw failure }
            if case .abort(let message, _, _) = update.finish { throw .refused(message) }
            if let position = update.logprobs.first {
                rows[index] = position.chosen.map { Double($0.logprob) }
            }
        }
        guard zip(rows, prompts).allSatisfy({ $0.count == $1.labels.count }) else {
            throw .unavailable(status: 500, "The model's output holds no numbers for this prompt.")
        }
        return rows
    }
}
