import ApusCheckpoint
import ApusCore
package import ApusExperts
package import ApusModels
package import ApusTensor

/// Runs batches on a decoder: all layers over all rows, the head over the rows that need it, then one choice a sequence.
package final class ModelRunner: ModelWorker {
    package let slotCount: Int
    package let contextLength: Int
    package let vocabularySize: Int
    package let hiddenSize: Int
    package let endTokenIDs: [Int32]

    private let session: DecoderSession
    /// By generation.
    private var decoders: [Int: Decoder]
    private let runtime: TensorRuntime
    private let sampler: Sampler
    private let scratch: UnsafeMutableBufferPointer<Sampler.Scratch>
    /// Rows that go through the head at once: what `logitsByteCount` holds.
    private let headRows: Int

    // Refilled by each step.
    private var rows: [DecoderSession.Rows] = []
    private var work: [HeadRow] = []
    private var hiddenWork: [HeadRow] = []
    private var rowIndices: [Int32] = []
    private var rowOutputs: [SequenceOutput] = []
    private var generations: [Int] = []
    private var groupTokens: [Int32] = []
    /// Of each entry of `rows`.
    private var rowsDecode: [Bool] = []

    /// Counts whom tokens visit; nil: nobody does.
    private var recorder: ExpertRecorder?

    /// A row whose logits are wanted.
    private struct HeadRow {
        /// Among the rows that the session keeps.
        var row: Int32
        var sequence: Int
        /// Index in the sequence's `promptLogprobs`, or nil for the row that chooses a token.
        var promptIndex: Int?
        var position: Int
    }

    /// - Parameters:
    ///   - contextLength: Longest sequence; nil: the model's own.
    ///   - kvFormat: What the pool keeps; nil: the number format of the decoder.
    ///   - logitsByteCount: Memory for logits: what needs more goes through the head in parts.
    /// - Throws: `TensorError.outOfMemory`.
    package init(
        _ decoder: Decoder, endTokenIDs: [Int32], slotCount: Int, contextLength: Int? = nil, kvFormat: KVFormat? = nil,
        sampling: Sampler.Options = Sampler.Options(), logitsByteCount: Int = 64 << 20
    ) throws {
        let configuration = decoder.configuration
        self.endTokenIDs = endTokenIDs
        self.slotCount = slotCount
        self.contextLength = contextLength ?? configuration.contextLength
        vocabularySize = configuration.vocabularySize
        hiddenSize = configuration.hiddenSize
        runtime = decoder.runtime
        decoders = [0: decoder]
        session = try DecoderSession(
            decoder, slotCount: slotCount, contextLength: self.contextLength, kvFormat: kvFormat)
        sampler = Sampler(runtime, options: sampling)
        scratch = .allocate(capacity: runtime.pool.threadCount)
        scratch.initialize(repeating: Sampler.Scratch())
        headRows = max(1, logitsByteCount / (vocabularySize * MemoryLayout<Float>.stride))
    }

    deinit {
        scratch.deinitialize().deallocate()
    }

    // MARK: - Weights

    func decoder(_ generation: Int) -> Decoder? { decoders[generation] }

    func keep(_ decoder: Decoder, as generation: Int) {
        precondition(decoders[generation] == nil)
        decoders[generation] = decoder
        session.decoder = decoder
    }

    package func drop(generation: Int) {
        precondition(decoders.removeValue(forKey: generation) != nil, "weights \(generation) are not there")
        session.decoder = decoders.max { $0.key < $1.key }?.value
        // Nobody runs, and whoever had them go wants the memory.
        if decoders.isEmpty { runtime.spare?.giveBackAll() }
    }

    package var expertShape: ExpertShape { ExpertShape(session.decoder?.configuration) }

    package func record(experts recorder: ExpertRecorder) { self.recorder = recorder }

    package func discardCache() { pool.discard() }

    package var pool: KVPool { session.pool }

    // MARK: - Steps

    package func forward(_ batch: ForwardBatch, result: inout ForwardResult) throws {
        result.outputs.removeAll(keepingCapacity: true)
        for sequence in batch.sequences {
            let count = sequence.promptLogprobRows.count
            result.outputs.append(
                SequenceOutput(
                    token: nil,
                    promptLogprobs: count == 0 ? [] : Array(repeating: PositionLogprobs(logprob: 0), count: count)))
        }
        generations.removeAll(keepingCapacity: true)
        for sequence in batch.sequences where !generations.contains(sequence.generation) {
            generations.append(sequence.generation)
        }
        for generation in generations { run(batch, generation, &result) }
    }

    /// The sequences that run on one generation's weights: a step has as many passes as generations.
    private func run(_ batch: ForwardBatch, _ generation: Int, _ result: inout ForwardResult) {
        guard let decoder = decoders[generation] else { preconditionFailure("weights \(generation) are not there") }
        session.decoder = decoder
        plan(batch, generation)
        groupTokens.withUnsafeBufferPointer { tokens in
            guard let recorder else { return session.run(tokens, sequences: rows) }
            recorder.listen(session, tokens, rows) { rowsDecode[$0] }
        }
        for start in stride(from: 0, to: hiddenWork.count, by: headRows) {
            collect(start..<min(start + headRows, hiddenWork.count), &result)
        }
        for start in stride(from: 0, to: work.count, by: headRows) {
            finish(start..<min(start + headRows, work.count), batch, &result)
        }
    }

    /// Hidden states of some of the rows wanted.
    private func collect(_ range: Range<Int>, _ result: inout ForwardResult) {
        rowIndices.removeAll(keepingCapacity: true)
        for item in hiddenWork[range] { rowIndices.append(item.row) }
        let states = rowIndices.withUnsafeBufferPointer { session.states(rows: $0) }
        for (row, item) in hiddenWork[range].enumerated() {
            result.outputs[item.sequence].hidden.append(Array(states[row]))
        }
    }

    /// Lists the sequences' rows, and the rows whose logits are wanted.
    private func plan(_ batch: ForwardBatch, _ generation: Int) {
        rows.removeAll(keepingCapacity: true)
        rowsDecode.removeAll(keepingCapacity: true)
        work.removeAll(keepingCapacity: true)
        hiddenWork.removeAll(keepingCapacity: true)
        groupTokens.removeAll(keepingCapacity: true)
        var keptCount = 0
        for (index, sequence) in batch.sequences.enumerated() where sequence.generation == generation {
            let rowStart = groupTokens.count
            groupTokens += batch.tokens[sequence.rowStart..<sequence.rowStart + sequence.rowCount]
            let count = sequence.rowCount
            let prompt = sequence.promptLogprobRows
            precondition(count > 0 && sequence.slots.count >= sequence.position + count, "rows or slots are missing")
            precondition(prompt.upperBound <= count && prompt.count == sequence.promptLogprobTargets.count)
            precondition(sequence.hiddenRows.upperBound <= count)
            precondition(sequence.embeddings.count <= count * hiddenSize)
            // From the first row that is wanted to the last one.
            let wanted = (sequence.samples ? count - 1..<count : 0..<0).joined(prompt).joined(sequence.hiddenRows)
            rowsDecode.append(sequence.decodes)
            rows.append(
                DecoderSession.Rows(
                    range: rowStart..<rowStart + count, position: sequence.position,
                    slots: UnsafePointer(sequence.slots.pointer),
                    kept: rowStart + wanted.lowerBound..<rowStart + wanted.upperBound,
                    embeddings: sequence.embeddings))
            func want(_ row: Int, promptIndex: Int?) {
                work.append(
                    HeadRow(
                        row: Int32(keptCount + row - wanted.lowerBound), sequence: index, promptIndex: promptIndex,
                        position: sequence.position + row))
            }
            for (promptIndex, row) in prompt.enumerated() { want(row, promptIndex: promptIndex) }
            if sequence.samples { want(count - 1, promptIndex: nil) }
            for row in sequence.hiddenRows {
                hiddenWork.append(
                    HeadRow(
                        row: Int32(keptCount + row - wanted.lowerBound), sequence: index, promptIndex: nil,
                        position: sequence.position + row))
            }
            keptCount += wanted.count
        }
    }

    /// Head and choice for some of the rows wanted, the choices on all threads.
    private func finish(_ range: Range<Int>, _ batch: ForwardBatch, _ result: inout ForwardResult) {
        rowIndices.removeAll(keepingCapacity: true)
        for item in work[range] { rowIndices.append(item.row) }
        let logits = rowIndices.withUnsafeBufferPointer { session.logits(rows: $0) }
        rowOutputs.removeAll(keepingCapacity: true)
        for _ in range { rowOutputs.append(SequenceOutput(token: nil)) }
        rowOutputs.withUnsafeMutableBufferPointer { outputs in
            // Each index writes its own entry, each worker its own scratch memory.
            let state = (self, batch, range.lowerBound, logits, outputs)
            runtime.measured(.sampling) {
                runtime.pool.run(count: range.count, with: state) { state, index, worker in
                    let (runner, batch, first, logits, outputs) = state
                    outputs[index] = runner.choose(runner.work[first + index], batch, logits[index], worker)
                }
            }
        }
        for (item, output) in zip(work[range], rowOutputs) {
            if let promptIndex = item.promptIndex {
                result.outputs[item.sequence].promptLogprobs[promptIndex] = output.logprobs ?? .undefined
            } else {
                result.outputs[item.sequence].token = output.token
                result.outputs[item.sequence].logprobs = output.logprobs
            }
        }
    }

    private func choose(
        _ item: HeadRow, _ batch: ForwardBatch, _ logits: UnsafeMutableBufferPointer<Float>, _ worker: Int
    ) -> SequenceOutput {
        let sequence = batch.sequences[item.sequence]
        guard let promptIndex = item.promptIndex else {
            return sampler.choose(
                logits, sampler: sequence.sampler, position: item.position, scratch: &scratch[worker])
        }
        let targets = sequence.promptLogprobTargets
        return SequenceOutput(
            token: nil,
            logprobs: sampler.logprobs(
                of: Int(targets[targets.startIndex + promptIndex]), logits, selection: sequence.sampler.logprobs,
                scratch: &scratch[worker]))
    }
}

extension Range<Int> {
    /// The smallest range that holds both.
    fileprivate func joined(_ other: Range<Int>) -> Range<Int> {
        if isEmpty { return other }
        return other.isEmpty ? self : Swift.min(lowerBound, other.lowerBound)..<Swift.max(upperBound, other.upperBound)
    }
}

extension PositionLogprobs {
    /// Stands where the logits held NaN: JSON has no number for that.
    static let undefined = PositionLogprobs(logprob: -.greatestFiniteMagnitude)
}
