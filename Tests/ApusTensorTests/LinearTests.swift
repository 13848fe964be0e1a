import ApusCore
import ApusTensor
import ApusTestSupport
import Testing

@Suite struct LinearTests {
    static let names = TensorRuntime.availableKernels
    static let formats: [PackedWeight.Format] = [
        .float32, .bfloat16, .int8, .int4(groupSize: 32), .int4(groupSize: 128),
    ]

    @Test(arguments: names) func fusedTensorsAndBiases(_ kernels: String) throws {
        let runtime = try TensorRuntime(threads: 2, kernels: kernels)
        var random = SeededRandom(seed: 60)
        // Queries, keys, values whose borders fall inside panels.
        let tensors = [40, 24, 24].map { Tensor(outputs: $0, inputs: 50, random: &random) }
        let bias = (0..<40).map { _ in random.unit() }
        let weight = try packed(tensors, biases: [bias, nil, nil], as: .float32, runtime)
        #expect(weight.outputs == 88 && weight.inputs == 50 && weight.format == .float32)
        let x = Activations(rows: 7, columns: 50, random: &random)
        let y = Activations(rows: 7, columns: 88)
        runtime.linear(x.matrix, weight, into: y.matrix)
        for row in 0..<7 {
            var column = 0
            for (index, tensor) in tensors.enumerated() {
                for output in 0..<tensor.outputs {
                    let expected = tensor.dot(x.matrix[row], output: output) + (index == 0 ? Double(bias[output]) : 0)
                    #expect(abs(Double(y.matrix[row][column]) - expected) < 1e-5)
                    column += 1
                }
            }
        }
        let before = y.values
        runtime.linear(x.matrix, weight, into: y.matrix, epilogue: .accumulate)
        #expect(zip(y.values, before).allSatisfy { abs($0 - 2 * $1) < 1e-5 })
    }

    @Test(arguments: names, formats) func pairedGateAndUp(
        _ kernels: String, _ format: PackedWeight.Format
    ) throws {
        let runtime = try TensorRuntime(threads: 2, kernels: kernels)
        var random = SeededRandom(seed: 61)
        let gate = Tensor(outputs: 40, inputs: 30, random: &random)
        let up = Tensor(outputs: 40, inputs: 30, random: &random)
        let paired = try packed([gate, up], as: format, arrangement: .paired, runtime)
        let gateWeight = try packed([gate], as: format, runtime), upWeight = try packed([up], as: format, runtime)
        let x = Activations(rows: 19, columns: 30, random: &random)
        let fused = Activations(rows: 19, columns: 40), apart = Activations(rows: 19, columns: 40)
        let gates = Activations(rows: 19, columns: 40), ups = Activations(rows: 19, columns: 40)
        runtime.linear(x.matrix, paired, into: fused.matrix, epilogue: .siluMultiply)
        runtime.linear(x.matrix, gateWeight, into: gates.matrix)
        runtime.linear(x.matrix, upWeight, into: ups.matrix)
        runtime.siluMultiply(gate: gates.matrix, up: ups.matrix, into: apart.matrix)
        if kernels == "amx-soft" {
            // Its epilogue has no fused multiply-add to call, as the functions of scalar have none.
            #expect(zip(fused.values, apart.values).allSatisfy { abs($0 - $1) < 1e-5 })
        } else {
            #expect(fused.bits == apart.bits)
        }
    }

    /// What the first product hands to the second is what it would have written.
    @Test(arguments: names, formats) func gatedIsTwoProducts(_ kernels: String, _ format: PackedWeight.Format) throws {
        let runtime = try TensorRuntime(threads: 3, kernels: kernels)
        var random = SeededRandom(seed: 64)
        // Of 70 inputs between the two, the last block is no whole one.
        for (width, bias) in [(96, false), (160, true), (70, true)] {
            let tensors = [width, width].map { Tensor(outputs: $0, inputs: 40, random: &random) }
            let biases = (0..<2).map { _ in bias ? (0..<width).map { _ in random.unit() } : nil }
            let gateUp = try packed(tensors, biases: biases, as: format, arrangement: .paired, runtime)
            let down = try packed([Tensor(outputs: 40, inputs: width, random: &random)], as: format, runtime)
            for rows in [1, 6, 33, 97] {
                let x = Activations(rows: rows, columns: 40, random: &random)
                let expanded = Activations(rows: rows, columns: width)
                let scratch = Activations(rows: rows, columns: width)
                let apart = Activations(rows: rows, columns: 40), together = Activations(rows: rows, columns: 40)
                runtime.linear(x.matrix, gateUp, into: expanded.matrix, epilogue: .siluMultiply)
                runtime.linear(expanded.matrix, down, into: apart.matrix)
                runtime.gated(
                    x.matrix, gateUp, down, expanded: scratch.matrix, into: together.matrix, epilogue: .store)
                #expect(together.bits == apart.bits, "\(rows) rows, \(width) wide")
                runtime.linear(expanded.matrix, down, into: apart.matrix, epilogue: .accumulate)
                runtime.gated(
                    x.matrix, gateUp, down, expanded: scratch.matrix, into: together.matrix, epilogue: .accumulate)
                #expect(together.bits == apart.bits, "\(rows) rows, \(width) wide, onto what is there")
            }
        }
    }

    /// The promise of design: neither threads nor the batch change a row.
    @Test(arguments: names, formats) func threadsDoNotMatter(
        _ kernels: String, _ format: PackedWeight.Format
    ) throws {
        var random = SeededRandom(seed: 62)
        let tensor = Tensor(outputs: 200, inputs: 70, random: &random)
        let x = Activations(rows: 130, columns: 70, random: &random)
        var first: [UInt32]?
        for threads in 1...4 {
            let runtime = try TensorRuntime(threads: threads, kernels: kernels)
            let weight = try packed([tensor], as: format, runtime)
            let y = Activations(rows: 130, columns: 200)
            runtime.linear(x.matrix, weight, into: y.matrix)
            #expect(first == nil || y.bits == first)
            first = first ?? y.bits
            for row in [0, 77, 129] {
                let alone = Activations(rows: 1, columns: 200)
                runtime.linear(x.matrix.rows(row..<row + 1), weight, into: alone.matrix)
                #expect(alone.bits == Array(y.bits[row * 200..<(row + 1) * 200]))
            }
        }
    }

    @Test(arguments: [ElementType.float32, .bfloat16]) func gathersFromATiedHead(_ element: ElementType) throws {
        let runtime = try TensorRuntime(threads: 2)
        var random = SeededRandom(seed: 63)
        let table = Tensor(outputs: 100, inputs: 45, random: &random)
        let weight = try packed([table], as: PackedWeight.Format(element), runtime)
        let ids = (0..<33).map { _ in Int32.random(in: 0..<100, using: &random) }
        let tied = Activations(rows: 33, columns: 45), raw = Activations(rows: 33, columns: 45)
        let narrow = try AlignedBuffer(byteCount: table.values.count * 4)
        runtime.convert(table.values, from: .float32, to: narrow.base, as: element, count: table.values.count)
        ids.withUnsafeBufferPointer { ids in
            runtime.gather(weight, ids: ids, into: tied.matrix)
            runtime.gather(table: narrow.base, element: element, count: 100, ids: ids, into: raw.matrix)
        }
        #expect(tied.bits == raw.bits)
        for (row, id) in ids.enumerated() {
            for column in 0..<45 {
                let exact = table.values[Int(id) * 45 + column]
                let bound: Float = element == .float32 ? 0 : 0x1p-8
                #expect(abs(tied.matrix[row][column] - exact) <= bound * abs(exact))
            }
        }
    }

    @Test(arguments: names) func gathersFromAnInt8Head(_ kernels: String) throws {
        let runtime = try TensorRuntime(threads: 2, kernels: kernels)
        var random = SeededRandom(seed: 64)
        let table = Tensor(outputs: 40, inputs: 70, random: &random)
        let weight = try packed([table], as: .int8, runtime)
        let y = Activations(rows: 40, columns: 70)
        (0..<Int32(40)).map { $0 }.withUnsafeBufferPointer { runtime.gather(weight, ids: $0, into: y.matrix) }
        #expect(zip(y.values, table.values).allSatisfy { abs($0 - $1) <= 0.5 / 127 + 1e-6 })
        #expect(weight.byteCount < 48 * 128 + 2 * 48 * 4 + 64 * 3)
    }

    @Test func unknownKernelsAreRefused() {
        #expect(throws: TensorError.unknownKernels(name: "mmx", available: TensorRuntime.availableKernels)) {
            try TensorRuntime(threads: 1, kernels: "mmx")
        }
    }
}
