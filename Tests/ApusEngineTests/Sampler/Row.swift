import ApusCore
import ApusTensor

@testable import ApusEngine

/// One row of logits and what is asked of it.
struct Row {
    static let runtime = try! TensorRuntime(threads: 1)

    var logits: [Float]
    var parameters = SamplingParameters()
    var options = Sampler.Options()
    var seed: UInt64 = 1
    var endTokenIDs: [Int32] = []
    var output: [Int32] = []
    var logprobs: SequenceSampler.LogprobSelection?

    init(_ logits: [Float]) {
        self.logits = logits
    }

    var sampler: SequenceSampler {
        let sampler = SequenceSampler(
            parameters: parameters, seed: seed, endTokenIDs: endTokenIDs, logprobs: logprobs)
        for token in output { sampler.note(token) }
        return sampler
    }

    func choose(position: Int = 0) -> SequenceOutput {
        var scratch = Sampler.Scratch()
        var logits = logits
        let sampler = sampler
        return logits.withUnsafeMutableBufferPointer {
            Sampler(Self.runtime, options: options).choose(
                $0, sampler: sampler, position: position, scratch: &scratch)
        }
    }
}
