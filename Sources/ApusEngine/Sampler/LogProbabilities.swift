import ApusTensor

/// Log probabilities over the full vocabulary at one position, before any filter.
enum LogProbabilities {
    /// - Parameters:
    ///   - scores: [vocabulary] logits, raw or over temperature.
    ///   - token: Whose log probability is the entry's own.
    ///   - selection: What to report beside it; ids outside the vocabulary are none of ours and left out.
    static func entry(
        _ scores: UnsafeMutableBufferPointer<Float>, _ softmax: SoftmaxNormalizer, token: Int,
        selection: SequenceSampler.LogprobSelection?, ranking: inout RankedTokens
    ) -> PositionLogprobs {
        var entry = PositionLogprobs(logprob: softmax.logProbability(scores[token]))
        guard let selection else { return entry }
        if selection.topCount > 0 {
            ranking.selectBest(selection.topCount, of: scores)
            entry.top = (0..<ranking.count).map { rank in
                let token = ranking.token(rank: rank)
                return (Int32(token), softmax.logProbability(scores[token]))
            }
        }
        entry.chosen = selection.tokenIDs.compactMap { id in
            scores.indices.contains(Int(id)) ? (id, softmax.logProbability(scores[Int(id)])) : nil
        }
        return entry
    }
}
