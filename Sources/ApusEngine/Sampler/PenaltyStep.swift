import ApusCore

/// What a sequence's own output does to its logits. The prompt never counts.
enum PenaltyStep {
    /// Frequency and presence penalties, summed and subtracted once; then the repetition penalty.
    ///
    /// - Parameters:
    ///   - logits: [vocabulary], changed in place.
    ///   - sampler: Whose counts and penalties apply.
    static func apply(to logits: UnsafeMutableBufferPointer<Float>, _ sampler: SequenceSampler) {
        let parameters = sampler.parameters
        for (token, count) in sampler.counts {
            let index = Int(token)
            guard logits.indices.contains(index) else { continue }
            var logit = logits[index]
            logit -= parameters.frequencyPenalty * Float(count) + parameters.presencePenalty
            let repetition = parameters.repetitionPenalty
            logits[index] = logit < 0 ? logit * repetition : logit / repetition
        }
    }
}
