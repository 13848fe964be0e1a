import ApusCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// top-k, top-p and min-p over one distribution: what stays is always the first few ranks.
///
/// All three act on the probabilities of the full softmax, which are not made to sum to one again in between.
struct CandidateFilter {
    let topK: Int?
    let topP: Float
    let minP: Float

    init(_ parameters: SamplingParameters, vocabularySize: Int) {
        topK = parameters.topK.flatMap { $0 < vocabularySize ? $0 : nil }
        // At 1 no rounding error of a sum may cut anything.
        topP = parameters.topP < 1 ? parameters.topP : .infinity
        minP = parameters.minP
    }

    /// Every token stays.
    var keepsAll: Bool { topK == nil && topP == .infinity && minP <= 0 }

    /// Ranks the tokens that can stay, and counts those that do (at least one).
    ///
    /// - Parameters:
    ///   - scores: [vocabulary] logits over temperature.
    ///   - softmax: Their normaliser.
    ///   - ranking: Filled with the survivors first.
    func select(
        _ scores: UnsafeMutableBufferPointer<Float>, _ softmax: SoftmaxNormalizer, into ranking: inout RankedTokens
    ) -> Int {
        if let topK, topK <= Self.fewTokens {
            ranking.selectBest(topK, of: scores)
        } else {
            rankUntilCut(scores, softmax, &ranking)
        }
        return survivors(scores, softmax, ranking)
    }

    /// Up to this many tokens are picked directly.
    private static let fewTokens = 256

    /// Widens a band below the best score until nothing outside it can stay.
    private func rankUntilCut(
        _ scores: UnsafeMutableBufferPointer<Float>, _ softmax: SoftmaxNormalizer, _ ranking: inout RankedTokens
    ) {
        // Below the best score by more than this, p < p0 x minP; a little more covers rounding.
        let reach = minP > 0 ? -log(minP) + 0.01 : Float.infinity
        var width: Float = 4
        while width < min(reach, 64) {
            let floor = softmax.maximum - width
            var count = 0
            var mass = 0.0
            for score in scores where score >= floor {
                count += 1
                mass += Double(softmax.probability(score))
            }
            // Mass enough: the first token outside the band has an exclusive sum above top-p. The margin covers the
            // different order in which `survivors` adds.
            if count >= topK ?? .max || mass > Double(topP) + 1e-6 {
                ranking.selectAll(of: scores, notBelow: floor)
                return
            }
            width *= 2
        }
        ranking.selectAll(of: scores, notBelow: softmax.maximum - reach)
    }

    private func survivors(
        _ scores: UnsafeMutableBufferPointer<Float>, _ softmax: SoftmaxNormalizer, _ ranking: RankedTokens
    ) -> Int {
        let best = softmax.probability(softmax.maximum)
        let limit = min(ranking.count, topK ?? .max)
        var sumBefore = 0.0
        for rank in 0..<limit {
            let probability = softmax.probability(scores[ranking.token(rank: rank)])
            if rank > 0 && (sumBefore > Double(topP) || probability < best * minP) { return rank }
            sumBefore += Double(probability)
        }
        return limit
    }
}
