import ApusCore
import ApusEngine
import ApusGrammar

/// A worker without a model: the KV of a slot is a hash, and the next token a hash of everything that the sequence's
/// slots hold. Any schedule must therefore give `FakeWorker.reference`'s tokens, and a slot that is shared wrongly,
/// stale or overwritten changes them.
final class FakeWorker: ModelWorker, SaltedWorker {
    let slotCount: Int
    let contextLength: Int
    let vocabularySize: Int
    let hiddenSize = 2
    let endTokenIDs: [Int32]
    /// Stands for the weights, by generation.
    var salts: [Int: UInt64] = [0: 1]
    /// Times that the pool's memory was given back.
    private(set) var discards = 0
    /// Sequences whose next token would be a multiple of this make NaN instead; 0: none.
    var nanEvery: UInt64 = 0
    /// Thrown by the next step.
    var nextError: (any Error)?
    /// Called at the start of each step.
    var onForward: ((ForwardBatch) -> Void)?

    private(set) var steps = 0
    private(set) var rows = 0
    private var kv: [UInt64]

    init(
        slotCount: Int = 4096, contextLength: Int = 1024, vocabularySize: Int = 64, endTokenIDs: [Int32] = [1]
    ) {
        self.slotCount = slotCount
        self.contextLength = contextLength
        self.vocabularySize = vocabularySize
        self.endTokenIDs = endTokenIDs
        kv = Array(repeating: 0, count: slotCount)
    }

    func forward(_ batch: ForwardBatch, result: inout ForwardResult) throws {
        onForward?(batch)
        if let error = nextError {
            nextError = nil
            // The rows' KV is undefined then: make it so.
            for sequence in batch.sequences {
                for row in 0..<sequence.rowCount { kv[Int(sequence.slots[sequence.position + row])] = .max }
            }
            throw error
        }
        steps += 1
        rows += batch.tokens.count
        result.outputs.removeAll(keepingCapacity: true)
        var written: Set<Int32> = []
        var expectedStart = 0
        for sequence in batch.sequences {
            precondition(sequence.rowStart == expectedStart && sequence.rowCount > 0, "rows are not in order")
            expectedStart += sequence.rowCount
            guard let salt = salts[sequence.generation] else {
                preconditionFailure("weights \(sequence.generation) are not there")
            }
            var state = Fold(salt: salt)
            for position in 0..<sequence.position { state.take(kv[Int(sequence.slots[position])]) }
            var promptLogprobs: [PositionLogprobs] = []
            var hidden: [[Float]] = []
            for row in 0..<sequence.rowCount {
                let slot = sequence.slots[sequence.position + row]
                precondition(written.insert(slot).inserted, "slot \(slot) is written twice in a step")
                let key = state.key(token: batch.tokens[sequence.rowStart + row])
                kv[Int(slot)] = key
                state.take(key)
                if sequence.hiddenRows.contains(row) { hidden.append(Self.hidden(state.value)) }
                if sequence.promptLogprobRows.contains(row) {
                    let index = sequence.promptLogprobTargets.startIndex + promptLogprobs.count
                    promptLogprobs.append(logprobs(state, sequence.promptLogprobTargets[index], sequence.sampler))
                }
            }
            precondition(promptLogprobs.count == sequence.promptLogprobTargets.count)
            guard sequence.samples else {
                result.outputs.append(SequenceOutput(token: nil, promptLogprobs: promptLogprobs))
                result.outputs[result.outputs.count - 1].hidden = hidden
                continue
            }
            let mask = sequence.sampler.bindingGrammar?.mask
            let token = next(after: state, seed: sequence.sampler.seed, mask: mask)
            // As with a model: where there is no choice, nothing depends on the logits.
            let certain = mask?.only.flatMap {
                sequence.sampler.certainLogprobs($0, vocabularySize: vocabularySize)
            }
            result.outputs.append(
                SequenceOutput(
                    token: token,
                    logprobs: sequence.sampler.logprobs == nil
                        ? nil : certain ?? logprobs(state, token, sequence.sampler),
                    promptLogprobs: promptLogprobs))
            result.outputs[result.outputs.count - 1].hidden = hidden
        }
        precondition(expectedStart == batch.tokens.count, "rows without a sequence")
    }

    // MARK: - Weights

    func readWeights(_ generation: Int, _ name: String, rowCount: Int) -> (shape: [Int], rows: [[Float]])? {
        guard let salt = salts[generation] else { return nil }
        switch name {
        case "vector": return ([4], [(0..<min(4, rowCount)).map { Float(salt) + Float($0) }])
        case "matrix": return ([3, 2], (0..<min(3, rowCount)).map { [Float(salt), Float($0) / 2] })
        default: return nil
        }
    }

    func discardCache() {
        discards += 1
        for slot in kv.indices { kv[slot] = 0 }
    }

    // MARK: - The function that it computes

    /// All that a sequence's slots hold, in order.
    struct Fold {
        private let salt: UInt64
        private(set) var value: UInt64
        private var position: UInt64 = 0

        init(salt: UInt64) {
            self.salt = salt
            value = salt
        }

        /// The KV of the next token: it depends on everything before it.
        func key(token: Int32) -> UInt64 {
            mix(value ^ mix(salt &+ UInt64(UInt32(bitPattern: token)) &* 31 &+ position))
        }

        mutating func take(_ key: UInt64) {
            value = mix(value &* 3 &+ key)
            position += 1
        }
    }

    /// With a mask one of its tokens; -1 when it has none.
    func next(after state: Fold, seed: UInt64, mask: TokenMask? = nil) -> Int32 {
        let hash = mix(state.value ^ seed &* 0x9E37)
        if nanEvery > 0 && hash % nanEvery == 0 { return -1 }
        let token = Int32(hash >> 8 & 0xFFFF) % Int32(vocabularySize)
        guard let mask else { return token }
        let size = Int32(vocabularySize)
        return (0..<size).lazy.map { (token + $0) % size }.first { mask[$0] } ?? -1
    }

    private func logprobs(_ state: Fold, _ token: Int32, _ sampler: SequenceSampler) -> PositionLogprobs {
        let wanted = sampler.logprobs
        return PositionLogprobs(
            logprob: Self.logprob(state.value, token),
            top: (0..<(wanted?.topCount ?? 0)).map { (Int32($0), Self.logprob(state.value, Int32($0))) },
            chosen: (wanted?.tokenIDs ?? []).map { ($0, Self.logprob(state.value, $0)) })
    }

    static func logprob(_ state: UInt64, _ token: Int32) -> Float {
        -Float(mix(state ^ UInt64(UInt32(bitPattern: token)) &+ 7) % 100_000) / 1000
    }

    static func hidden(_ state: UInt64) -> [Float] { [Float(state & 0xFFFF), Float(state >> 16 & 0xFFFF)] }

    // MARK: - Reference

    /// What a request must make, whatever else runs: worked out from its tokens alone.
    struct Reference {
        var output: [Int32] = []
        var logprobs: [Float] = []
        /// Of prompt positions 1 ..< count.
        var promptLogprobs: [Float] = []
        /// Of the prompt, and of each token fed after it.
        var hidden: [[Float]] = []
        var isNaN = false
    }

    /// `limit` tokens after `prompt`, or fewer when `ends` says that the last one was it.
    /// `salt` is the weights'.
    func reference(
        _ prompt: [Int32], seed: UInt64, limit: Int, salt: UInt64 = 1, ends: (Int32) -> Bool
    ) -> Reference {
        var state = Fold(salt: salt)
        var reference = Reference()
        for (index, token) in prompt.enumerated() {
            if index > 0 { reference.promptLogprobs.append(Self.logprob(state.value, token)) }
            state.take(state.key(token: token))
            reference.hidden.append(Self.hidden(state.value))
        }
        while reference.output.count < limit {
            let token = next(after: state, seed: seed)
            guard token >= 0 else {
                reference.isNaN = true
                break
            }
            reference.output.append(token)
            reference.logprobs.append(Self.logprob(state.value, token))
            if ends(token) { break }
            state.take(state.key(token: token))
            reference.hidden.append(Self.hidden(state.value))
        }
        return reference
    }
}

private func mix(_ value: UInt64) -> UInt64 {
    var z = value &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
}
