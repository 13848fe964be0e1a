import ApusCore
import ApusExperts
package import ApusModels
package import ApusTensor

/// Times steps of a `ModelRunner` without a server: prompts alone, and streams at a given context.
package final class StepBench {
    private let runner: ModelRunner
    private let runtime: TensorRuntime
    private var batch = ForwardBatch()
    private var result = ForwardResult()
    private var random = SplitMix64(seed: 7)

    /// - Parameter slotCount: As many as the largest measurement needs: `batch * (context + 1)`, or a prompt's length.
    package init(_ decoder: Decoder, slotCount: Int, kvFormat: KVFormat) throws {
        runtime = decoder.runtime
        runner = try ModelRunner(decoder, endTokenIDs: [], slotCount: slotCount, kvFormat: kvFormat)
        runner.pool.fillAtRandom(runtime)
    }

    /// Prompts of `length` tokens, each in one step.
    package func prefill(length: Int, seconds: Double) throws -> BenchOutcome {
        let slots = table(0..<length)
        return try measure(seconds: seconds) {
            append(slots, position: 0, rows: length)
        }
    }

    /// Steps of `streams` streams, each at its `context`-th token.
    package func decode(streams: Int, context: Int, seconds: Double) throws -> BenchOutcome {
        let tables = (0..<streams).map { table($0 * (context + 1)..<($0 + 1) * (context + 1)) }
        return try measure(seconds: seconds) {
            for slots in tables { append(slots, position: context, rows: 1) }
        }
    }

    /// How much longer such steps take while experts are recorded, as a share; nil: the model has none.
    ///
    /// Steps with and without take turns, so that whatever else slows the machine slows both; medians are compared.
    package func recordingCost(streams: Int, context: Int, seconds: Double) throws -> Double? {
        guard runner.expertShape != .dense else { return nil }
        let recorder = ExpertRecorder(runner.expertShape)
        runner.record(experts: recorder)
        let tables = (0..<streams).map { table($0 * (context + 1)..<($0 + 1) * (context + 1)) }
        var times: (with: [Double], without: [Double]) = ([], [])
        let begin = Clocks.monotonic()
        while times.with.count < 3 || Clocks.monotonic() - begin < seconds {
            for records in [false, true] {
                batch.removeAll()
                for slots in tables { append(slots, position: context, rows: 1) }
                if records { recorder.start() }
                let start = Clocks.monotonic()
                try runner.forward(batch, result: &result)
                let time = Clocks.monotonic() - start
                recorder.stop()
                if records { times.with.append(time) } else { times.without.append(time) }
            }
        }
        return times.with.sorted()[times.with.count / 2] / times.without.sorted()[times.without.count / 2] - 1
    }

    private func table(_ slots: Range<Int>) -> SlotTable {
        let table = SlotTable(capacity: slots.count)
        table.append(contentsOf: slots.lazy.map { Int32($0) })
        return table
    }

    private func append(_ slots: SlotTable, position: Int, rows: Int) {
        var greedy = SamplingParameters()
        greedy.topK = 1
        batch.sequences.append(
            ForwardSequence(
                rowStart: batch.tokens.count, rowCount: rows, position: position, slots: slots, samples: true,
                sampler: SequenceSampler(parameters: greedy, seed: 0, endTokenIDs: [])))
        for _ in 0..<rows { batch.tokens.append(Int32(random.next() % UInt64(runner.vocabularySize))) }
    }

    private func measure(seconds: Double, _ fill: () -> Void) throws -> BenchOutcome {
        try BenchOutcome(runtime, seconds: seconds) {
            batch.removeAll()
            fill()
        } step: {
            try runner.forward(batch, result: &result)
        }
    }
}
