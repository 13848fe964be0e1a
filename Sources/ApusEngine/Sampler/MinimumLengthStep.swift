import ApusCore

/// Until `min_new_tokens` are generated, no token may end the sequence.
enum MinimumLengthStep {
    static func apply(to logits: UnsafeMutableBufferPointer<Float>, _ sampler: SequenceSampler) {
        guard sampler.generated < sampler.parameters.minNewTokens else { return }
        for token in sampler.endTokenIDs where logits.indices.contains(Int(token)) {
            logits[Int(token)] = -.infinity
        }
    }
}
