import ApusCore
package import ApusTensor

/// Chooses one token from one row of logits. A row's outcome depends on the row, its `SequenceSampler` and its position
/// alone.
///
/// The steps, in order: penalties, the minimum length, the grammar, logit bias, temperature, softmax, filters, draw.
package struct Sampler: Sendable {
    package struct Options: Sendable, Hashable {
        /// Output log probabilities without the division by temperature (`SGLANG_RETURN_ORIGINAL_LOGPROB`).
        package var ignoresTemperatureInLogprobs = false
        /// NaN and infinite logits become finite (`SGLANG_SANITIZE_NAN_LOGITS`).
        package var sanitizes = false

        package init() {}
    }

    /// Memory of one thread, kept from row to row.
    package struct Scratch {
        var ranking = RankedTokens()

        package init() {}
    }

    package let options: Options
    private let runtime: TensorRuntime

    package init(_ runtime: TensorRuntime, options: Options = Options()) {
        self.runtime = runtime
        self.options = options
    }

    /// - Parameters:
    ///   - logits: [vocabulary], overwritten.
    ///   - position: Position of the row: the chosen token will be at the next one.
    /// - Returns: The token, or -1 when the logits have no softmax; with log probabilities if the sampler asks for them.
    package func choose(
        _ logits: UnsafeMutableBufferPointer<Float>, sampler: SequenceSampler, position: Int,
        scratch: inout Scratch
    ) -> SequenceOutput {
        let parameters = sampler.parameters
        if options.sanitizes {
            // Before the masks: what they forbid must stay infinitely unlikely.
            SanitizeStep.apply(to: logits)
        } else if SanitizeStep.hasNaN(logits) {
            return SequenceOutput(token: -1)
        }
        PenaltyStep.apply(to: logits, sampler)
        MinimumLengthStep.apply(to: logits, sampler)
        GrammarStep.apply(to: logits, sampler)
        LogitBiasStep.apply(to: logits, sampler)

        let original = options.ignoresTemperatureInLogprobs && sampler.logprobs != nil && parameters.temperature != 1
        var untempered: [Float] = []
        if original { untempered = Array(logits) }
        if parameters.temperature != 1 {
            for index in logits.indices { logits[index] /= parameters.temperature }
        }

        let filter = CandidateFilter(parameters, vocabularySize: logits.count)
        let best = runtime.argmax(UnsafeBufferPointer(logits))
        guard logits[best] > -.infinity else { return SequenceOutput(token: -1) }
        if filter.topK == 1, sampler.logprobs == nil { return SequenceOutput(token: Int32(best)) }

        guard let softmax = SoftmaxNormalizer(logits, runtime) else { return SequenceOutput(token: -1) }
        let token = draw(
            logits, softmax, filter, best: best, SeededDraw(seed: sampler.seed, position: position), &scratch)
        var output = SequenceOutput(token: Int32(token))
        if sampler.logprobs != nil {
            if original {
                output.logprobs = untempered.withUnsafeMutableBufferPointer { scores in
                    logprobs(of: token, scores, selection: sampler.logprobs, scratch: &scratch)
                }
            } else {
                output.logprobs = LogProbabilities.entry(
                    logits, softmax, token: token, selection: sampler.logprobs, ranking: &scratch.ranking)
            }
        }
        return output
    }

    /// Log probabilities of a row's raw logits at `token`; nil when the logits have no softmax.
    package func logprobs(
        of token: Int, _ logits: UnsafeMutableBufferPointer<Float>, selection: SequenceSampler.LogprobSelection?,
        scratch: inout Scratch
    ) -> PositionLogprobs? {
        guard !SanitizeStep.hasNaN(logits), let softmax = SoftmaxNormalizer(logits, runtime) else { return nil }
        return LogProbabilities.entry(
            logits, softmax, token: token, selection: selection, ranking: &scratch.ranking)
    }

    private func draw(
        _ scores: UnsafeMutableBufferPointer<Float>, _ softmax: SoftmaxNormalizer, _ filter: CandidateFilter,
        best: Int, _ draw: SeededDraw, _ scratch: inout Scratch
    ) -> Int {
        if filter.topK == 1 { return best }
        if filter.keepsAll {
            return draw.column(count: scores.count, best: best) { scores[$0] }
        }
        let survivors = filter.select(scores, softmax, into: &scratch.ranking)
        let ranking = scratch.ranking
        let rank = draw.column(count: survivors, best: 0) { scores[ranking.token(rank: $0)] }
        return ranking.token(rank: rank)
    }
}
