import ApusGrammar

/// Tokens that a grammar does not allow cannot be chosen.
enum GrammarStep {
    /// - Parameters:
    ///   - logits: [vocabulary], changed in place.
    ///   - sampler: Whose grammar applies, if it binds already.
    static func apply(to logits: UnsafeMutableBufferPointer<Float>, _ sampler: SequenceSampler) {
        guard let mask = sampler.bindingGrammar?.mask else { return }
        for (index, word) in mask.words.enumerated() where word != .max {
            let start = index << 6
            for bit in 0..<min(64, max(0, logits.count - start)) where word >> UInt64(bit) & 1 == 0 {
                logits[start + bit] = -.infinity
            }
        }
        // Rows of the head beyond the tokenizer's tokens.
        for index in min(mask.words.count << 6, logits.count)..<logits.count { logits[index] = -.infinity }
    }
}
