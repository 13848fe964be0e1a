import ApusCore

/// `logit_bias`, after all masks: a finite bias cannot revive a masked token.
enum LogitBiasStep {
    static func apply(to logits: UnsafeMutableBufferPointer<Float>, _ sampler: SequenceSampler) {
        for (token, bias) in sampler.parameters.logitBias where logits.indices.contains(Int(token)) {
            logits[Int(token)] += bias
        }
    }
}
