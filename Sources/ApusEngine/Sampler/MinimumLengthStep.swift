import ApusCore
import ApusGrammar

/// Until `min_new_tokens` are generated, no token may end the sequence, unless a grammar allows nothing else.
enum MinimumLengthStep {
    static func apply(to logits: UnsafeMutableBufferPointer<Float>, _ sampler: SequenceSampler) {
        guard sampler.generated < sampler.parameters.minNewTokens else { return }
        if let grammar = sampler.bindingGrammar, !grammar.mayContinue { return }
        for token in sampler.endTokenIDs where logits.indices.contains(Int(token)) {
            logits[Int(token)] = -.infinity
        }
    }
}
