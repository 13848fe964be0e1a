import ApusTensor

/// Log probabilities over the full vocabulary at one position, before any filter.
enum LogProbabilities {
    /// What `entry` makes of a row in which all logits but the token's are masked, without the row: probability 1 for
    /// it, and 0 for all others, of which those with the lowest ids come first.
    static func certain(
        token: Int32, selection: SequenceSampler.LogprobSelection?, vocabularySize: Int
    ) -> PositionLogprobs {
        var entry = PositionLogprobs(logprob: 0)
        guard let selection else { return entry }
        let count = min(selection.topCount, vocabularySize)
        let others = (0..<Int32(vocabularySize)).lazy.filter { $0 != token }.prefix(max(count - 1, 0))
        if count > 0 { entry.top = [(token, 0)] + others.map { ($0, -.greatestFiniteMagnitude) } }
        entry.chosen = selection.tokenIDs.filter { $0 >= 0 && $0 < vocabularySize }.map {
            ($0, $0 == token ? 0 : -.greatestFiniteMagnitude)
        }
        return entry
    }

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
