import ApusCore
import ApusTensor
import ApusTestSupport
import Testing

/// Several sequences over one pool, as a scheduler would batch them.
private struct Batch {
    static let kvHeads = 2, group = 3, headDimension = 24
    static var width: Int { kvHeads * group * headDimension }
    static var kvWidth: Int { kvHeads * headDimension }

    let lengths: [Int]
    let queries: [Activations]
    let keys: [Activations]
    let values: [Activations]
    /// Slots of each sequence's positions, at addresses that stay.
    let slots: [UnsafeMutableBufferPointer<Int32>]
    let keyPlane: KVPlane
    let valuePlane: KVPlane
    private let memory: [AlignedBuffer]

    init(lengths: [Int], format: KVFormat, runtime: TensorRuntime, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        self.lengths = lengths
        queries = lengths.map { Activations(rows: $0, columns: Self.width, random: &random) }
        keys = lengths.map { Activations(rows: $0, columns: Self.kvWidth, random: &random) }
        values = lengths.map { Activations(rows: $0, columns: Self.kvWidth, random: &random) }
        let count = lengths.reduce(0, +) + 10
        var free = (0..<Int32(count)).shuffled(using: &random)
        let slotMemory = try AlignedBuffer(byteCount: count * 4)
        var nextSlot = slotMemory.base.bindMemory(to: Int32.self, capacity: count)
        slots = lengths.map { length in
            let slots = UnsafeMutableBufferPointer(start: nextSlot, count: length)
            _ = slots.update(fromContentsOf: free.prefix(length))
            free.removeFirst(length)
            nextSlot += length
            return slots
        }
        let bytes = KVPlane.byteCount(
            slots: count, kvHeads: Self.kvHeads, headDimension: Self.headDimension, format: format)
        memory = [try AlignedBuffer(byteCount: bytes), try AlignedBuffer(byteCount: bytes), slotMemory]
        keyPlane = KVPlane(
            base: memory[0].base, format: format, slots: count, kvHeads: Self.kvHeads,
            headDimension: Self.headDimension)
        valuePlane = KVPlane(
            base: memory[1].base, format: format, slots: count, kvHeads: Self.kvHeads,
            headDimension: Self.headDimension)
        for (index, slots) in slots.enumerated() {
            runtime.store(keys[index].matrix, into: keyPlane, slots: UnsafeBufferPointer(slots))
            runtime.store(values[index].matrix, into: valuePlane, slots: UnsafeBufferPointer(slots))
        }
    }

    /// Attention for some tokens of some sequences in one call; rows by sequence.
    func run(_ parts: [(sequence: Int, tokens: Range<Int>)], _ runtime: TensorRuntime) -> [[UInt32]] {
        let rows = parts.reduce(0) { $0 + $1.tokens.count }
        let query = Activations(rows: rows, columns: Self.width), out = Activations(rows: rows, columns: Self.width)
        var sequences: [AttentionSequence] = []
        var row = 0
        for part in parts {
            let start = row
            for token in part.tokens {
                _ = query.matrix[row].update(fromContentsOf: queries[part.sequence].matrix[token])
                row += 1
            }
            let pointer = slots[part.sequence].baseAddress.map { UnsafePointer($0) }
            sequences.append(
                AttentionSequence(rows: start..<row, positionStart: part.tokens.lowerBound, slots: pointer))
        }
        withExtendedLifetime(memory) {
            runtime.attention(
                query: query.matrix, keys: keyPlane, values: valuePlane, sequences: sequences, scale: 0.2,
                into: out.matrix)
        }
        row = 0
        return parts.map { part in
            defer { row += part.tokens.count }
            return (row..<row + part.tokens.count).flatMap { out.matrix[$0].map(\.bitPattern) }
        }
    }
}

@Suite struct AttentionTests {
    private static let formats: [KVFormat] = [
        .plain(.float32), .plain(.bfloat16), .int8(arithmetic: .bfloat16), .int8(arithmetic: .float32),
    ]

    /// Threads, chunks and company in the batch change nothing, bit for bit.
    @Test(arguments: TensorRuntime.availableKernels, formats) func batchesDoNotMatter(
        _ kernels: String, _ format: KVFormat
    ) throws {
        let one = try TensorRuntime(threads: 1, kernels: kernels)
        let lengths = [1, 90, 33, 130]
        let batch = try Batch(lengths: lengths, format: format, runtime: one, seed: 70)
        let whole = lengths.indices.map { batch.run([($0, 0..<lengths[$0])], one)[0] }
        for threads in 1...4 {
            let runtime = try TensorRuntime(threads: threads, kernels: kernels)
            let together = batch.run(lengths.indices.map { ($0, 0..<lengths[$0]) }, runtime)
            #expect(together == whole, "\(threads) threads")
            // The last tokens as decode steps, beside a chunk of the longest.
            let steps = batch.run([(0, 0..<1), (1, 89..<90), (3, 60..<100), (2, 32..<33)], runtime)
            #expect(steps[0] == whole[0])
            #expect(steps[1] == Array(whole[1].suffix(Batch.width)))
            #expect(steps[2] == Array(whole[3][60 * Batch.width..<100 * Batch.width]))
            #expect(steps[3] == Array(whole[2].suffix(Batch.width)))
        }
    }

    /// Long pasts are divided among threads at span borders: the same bits as one thread's.
    @Test(arguments: TensorRuntime.availableKernels, formats) func spansAreJoinedInOrder(
        _ kernels: String, _ format: KVFormat
    ) throws {
        let one = try TensorRuntime(threads: 1, kernels: kernels)
        let lengths = [2_300, 40, 1_025]
        let batch = try Batch(lengths: lengths, format: format, runtime: one, seed: 72)
        let parts = [(0, 2_290..<2_300), (1, 39..<40), (2, 1_020..<1_025)]
        let expected = parts.map { batch.run([$0], one)[0] }
        for threads in 2...5 {
            let runtime = try TensorRuntime(threads: threads, kernels: kernels)
            #expect(batch.run(parts, runtime) == expected, "\(threads) threads")
            #expect(batch.run([(0, 2_299..<2_300)], runtime)[0] == Array(expected[0].suffix(Batch.width)))
        }
    }

    /// Keys and values in int8 move a result by about a hundredth of its size.
    @Test(arguments: [ElementType.float32, .bfloat16]) func int8IsNear(_ element: ElementType) throws {
        let runtime = try TensorRuntime(threads: 2)
        let lengths = [150]
        let plain = try Batch(lengths: lengths, format: .plain(element), runtime: runtime, seed: 73)
        let int8 = try Batch(lengths: lengths, format: .int8(arithmetic: element), runtime: runtime, seed: 73)
        let pairs = zip(plain.run([(0, 0..<150)], runtime)[0], int8.run([(0, 0..<150)], runtime)[0]).map {
            (Double(Float(bitPattern: $0)), Double(Float(bitPattern: $1)))
        }
        let size = pairs.reduce(0) { $0 + $1.0 * $1.0 }, error = pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        #expect(error > 0 && (error / size).squareRoot() < 0.02)
    }

    /// An encoder's attention reads its own activations, without a pool.
    @Test func encodersReadActivations() throws {
        let runtime = try TensorRuntime(threads: 2)
        var random = SeededRandom(seed: 71)
        let fused = Activations(rows: 40, columns: 3 * 64, random: &random)
        let out = Activations(rows: 40, columns: 64)
        // Two texts, of 25 and 15 tokens.
        for range in [0..<25, 25..<40] {
            let part = fused.matrix.rows(range)
            runtime.attention(
                query: part.columns(0..<64), keys: KVPlane(part.columns(64..<128), kvHeads: 4),
                values: KVPlane(part.columns(128..<192), kvHeads: 4),
                sequences: [
                    AttentionSequence(rows: 0..<range.count, positionStart: 0, slots: nil, length: range.count)
                ],
                scale: 0.25, into: out.matrix.rows(range))
        }
        // The first token of the second text against the definition.
        for head in 0..<4 {
            let columns = head * 16..<head * 16 + 16
            let scores = (25..<40).map { row in
                columns.reduce(0.0) { $0 + Double(fused.matrix[25][$1]) * Double(fused.matrix[row][64 + $1]) } / 4
            }
            let weights = scores.map { exponential($0 - (scores.max() ?? 0)) }
            for column in columns {
                let expected =
                    zip(25..<40, weights).reduce(0.0) { sum, pair in
                        sum + pair.1 * Double(fused.matrix[pair.0][128 + column])
                    } / weights.reduce(0, +)
                #expect(abs(Double(out.matrix[25][column]) - expected) < 1e-5)
            }
        }
    }
}

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

private func exponential(_ x: Double) -> Double { exp(x) }
