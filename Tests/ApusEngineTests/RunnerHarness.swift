import ApusCheckpoint
import ApusCore
import ApusEngine
import ApusModels
import ApusTensor
import ApusTestSupport

/// One model on one runtime, with the bookkeeping of slots that a scheduler would do.
final class RunnerHarness {
    let runner: ModelRunner
    private var free: [Int32]
    private var result = ForwardResult()
    private var batch = ForwardBatch()

    init(
        _ model: String, _ element: ElementType = .bfloat16, threads: Int = 2, kernels: String? = nil,
        quantization: Quantization? = nil, slots: Int = 1024, logitsByteCount: Int = 64 << 20,
        kvFormat: KVFormat? = nil
    ) throws {
        let runtime = try TensorRuntime(threads: threads, kernels: kernels)
        // The name of a fixture, or a path.
        let directory = model.hasPrefix("/") ? model : ModelFixtures.directory(model)
        let loader = try ModelLoader(directory: directory, elementType: element, quantization: quantization)
        runner = try ModelRunner(
            loader.load(runtime), endTokenIDs: loader.endTokenIDs, slotCount: slots,
            kvFormat: kvFormat, logitsByteCount: logitsByteCount)
        free = Array(0..<Int32(slots))
    }

    /// Mixes the order in which slots are handed out.
    func shuffleSlots(_ random: inout SeededRandom) {
        free.shuffle(using: &random)
    }

    func takeSlot() -> Int32 { free.removeLast() }
    func giveBack(_ slots: some Sequence<Int32>) { free.append(contentsOf: slots) }
    var freeCount: Int { free.count }

    /// Runs rows of several sequences: (sequence, tokens to feed) in order.
    func step(_ parts: [(sequence: RunningSequence, count: Int)]) throws -> [SequenceOutput] {
        batch.removeAll()
        for (sequence, count) in parts {
            let start = sequence.computed
            while sequence.slots.count < start + count { sequence.slots.append(takeSlot()) }
            let known = sequence.tokens
            let logprobRows = sequence.promptLogprobRows(start..<start + count)
            let targets =
                logprobRows.isEmpty
                ? [] : known[(start + logprobRows.lowerBound + 1)..<(start + logprobRows.upperBound + 1)]
            batch.sequences.append(
                ForwardSequence(
                    rowStart: batch.tokens.count, rowCount: count, position: start, slots: sequence.slots,
                    samples: start + count == known.count, sampler: sequence.sampler,
                    promptLogprobRows: logprobRows, promptLogprobTargets: targets,
                    hiddenRows: sequence.wantsHidden ? 0..<count : 0..<0,
                    embeddings: sequence.embeddings(start..<start + count),
                    generation: sequence.generation, decodes: !sequence.output.isEmpty))
            batch.tokens.append(contentsOf: known[start..<start + count])
        }
        try runner.forward(batch, result: &result)
        for ((sequence, count), output) in zip(parts, result.outputs) {
            sequence.computed += count
            sequence.promptLogprobs.append(contentsOf: output.promptLogprobs)
            sequence.hidden += output.hidden
            if let token = output.token {
                sequence.tokens.append(token)
                sequence.sampler.note(token)
                if let logprobs = output.logprobs { sequence.outputLogprobs.append(logprobs) }
            }
        }
        return result.outputs
    }

    /// A whole request, alone.
    func generate(_ sequence: RunningSequence, count: Int) throws -> [Int32] {
        while sequence.output.count < count {
            _ = try step([(sequence, sequence.tokens.count - sequence.computed)])
        }
        giveBack((0..<sequence.slots.count).map { sequence.slots[$0] })
        return sequence.output
    }
}

/// One request on its way.
final class RunningSequence {
    let promptCount: Int
    var tokens: [Int32]
    /// Positions whose KV is in the pool.
    var computed = 0
    let slots = SlotTable(capacity: 512)
    let sampler: SequenceSampler
    var generation = 0
    let wantsPromptLogprobs: Bool
    var promptLogprobs: [PositionLogprobs] = []
    var wantsHidden = false
    /// Rows for the prompt instead of its tokens' vectors; empty: none.
    var embeddings: [[Float]] = []
    var hidden: [[Float]] = []
    var outputLogprobs: [PositionLogprobs] = []

    init(_ prompt: [Int32], _ sampler: SequenceSampler, wantsPromptLogprobs: Bool = false) {
        promptCount = prompt.count
        tokens = prompt
        self.sampler = sampler
        self.wantsPromptLogprobs = wantsPromptLogprobs
    }

    static func greedy(_ prompt: [Int32], wantsPromptLogprobs: Bool = false) -> RunningSequence {
        var parameters = SamplingParameters()
        parameters.topK = 1
        return RunningSequence(
            prompt, SequenceSampler(parameters: parameters, seed: 0, endTokenIDs: []),
            wantsPromptLogprobs: wantsPromptLogprobs)
    }

    var output: [Int32] { Array(tokens[promptCount...]) }

    func embeddings(_ positions: Range<Int>) -> ArraySlice<Float> {
        embeddings.isEmpty ? [] : ArraySlice(embeddings[positions.clamped(to: 0..<promptCount)].joined())
    }

    /// Rows of a chunk whose next token is a prompt token.
    func promptLogprobRows(_ positions: Range<Int>) -> Range<Int> {
        guard wantsPromptLogprobs else { return 0..<0 }
        return 0..<max(0, min(positions.upperBound, promptCount - 1) - positions.lowerBound)
    }
}
