import ApusCore
import ApusTensor
import ApusTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct ExpertTests {
    static let names = TensorRuntime.availableKernels

    private func scores(_ rows: [[Float]]) -> Activations {
        let scores = Activations(rows: rows.count, columns: rows[0].count)
        for (row, values) in rows.enumerated() {
            for (column, value) in values.enumerated() { scores.matrix[row][column] = value }
        }
        return scores
    }

    @Test(arguments: names) func choosesTheLargestSharesAndTheLowerOfEquals(_ kernels: String) throws {
        let runtime = try TensorRuntime(threads: 2, kernels: kernels)
        let routing = ExpertRouting()
        let table = scores([[1, 3, 2, 3, 0], [0, 0, 0, 0, 0], [-4, .nan, -9, .nan, .nan], [9, 8, 7, 6, 5]])
        runtime.route(table.matrix, chosen: 3, normalizes: false, into: routing)
        #expect(routing.experts == [1, 3, 2, 0, 1, 2, 0, 2, 1, 0, 1, 2])
        #expect(routing.shares[3..<6].allSatisfy { abs($0 - 0.2) < 1e-6 })
        let sum = [1, 3, 2, 3, 0].reduce(0.0) { $0 + exponential($1 - 3) }
        #expect(abs(Double(routing.shares[2]) - exponential(-1) / sum) < 1e-6)
        withExtendedLifetime(table) {
            runtime.route(table.matrix, chosen: 3, normalizes: true, into: routing)
        }
        #expect(abs(routing.shares[9..<12].reduce(0, +) - 1) < 1e-6)
        #expect(abs(Double(routing.shares[10] / routing.shares[9]) - exponential(-1)) < 1e-6)
    }

    /// Against a sort, on random scores with many equal ones.
    @Test func choosesAsASortWould() throws {
        var random = SeededRandom(seed: 71)
        let runtime = try TensorRuntime(threads: 3)
        let routing = ExpertRouting()
        for _ in 0..<60 {
            let count = Int.random(in: 1...40, using: &random)
            let chosen = Int.random(in: 1...count, using: &random)
            let rows = (0..<Int.random(in: 1...20, using: &random)).map { _ in
                (0..<count).map { _ in Float(Int.random(in: -9...9, using: &random)) }
            }
            let table = scores(rows)
            withExtendedLifetime(table) {
                runtime.route(table.matrix, chosen: chosen, normalizes: true, into: routing)
            }
            let expected = rows.flatMap { row in
                row.indices.sorted { (row[$1], $0) < (row[$0], $1) }.prefix(chosen).map { Int32($0) }
            }
            #expect(routing.experts == expected)
        }
    }

    private static let sizes = (count: 7, size: 70, width: 40)

    /// Experts, those without visits as shapes only: to read them would be a crash.
    private func weights(
        _ tensors: [[Tensor]], _ arrangement: PackedWeight.Arrangement, _ format: PackedWeight.Format,
        _ routing: ExpertRouting, _ runtime: TensorRuntime
    ) throws -> [PackedWeight] {
        try tensors.enumerated().map { expert, tensors in
            // The first one's shape is asked for.
            guard expert != 0, !routing.experts.contains(Int32(expert)) else {
                return try packed(tensors, as: format, arrangement: arrangement, runtime)
            }
            return PackedWeight(
                outputs: tensors.reduce(0) { $0 + $1.outputs }, inputs: tensors[0].inputs, format: format,
                arrangement: arrangement)
        }
    }

    /// A visit is two dense products, bit for bit, and a row has the same bits alone and among others, whoever they visit
    /// and however many threads there are.
    @Test(arguments: names, [PackedWeight.Format.float32, .bfloat16, .int8, .int4(groupSize: 32)])
    func visitsAreDenseProducts(
        _ kernels: String, _ format: PackedWeight.Format
    ) throws {
        var random = SeededRandom(seed: 72)
        let (count, size, width) = Self.sizes
        let gates = (0..<count).map { _ in (0..<2).map { _ in Tensor(outputs: width, inputs: size, random: &random) } }
        let downs = (0..<count).map { _ in [Tensor(outputs: size, inputs: width, random: &random)] }
        for (rows, chosen) in [(1, 1), (2, 2), (33, 1), (kernels == "amx-soft" ? 20 : 150, 3)] {
            let runtime = try TensorRuntime(threads: rows % 3 + 1, kernels: kernels)
            let x = Activations(rows: rows, columns: size, random: &random)
            let table = Activations(rows: rows, columns: count, random: &random)
            // Nobody visits expert 3, most visit expert 5.
            for row in 0..<rows {
                table.matrix[row][3] = -9
                table.matrix[row][5] += 0.7
            }
            let routing = ExpertRouting()
            runtime.route(table.matrix, chosen: chosen, normalizes: true, into: routing)
            let gateUp = try weights(gates, .paired, format, routing, runtime)
            let down = try weights(downs, .sequential, format, routing, runtime)

            func visit(_ rows: Range<Int>) -> [UInt32] {
                let part = ExpertRouting()
                runtime.route(table.matrix.rows(rows), chosen: chosen, normalizes: true, into: part)
                let expanded = Activations(rows: part.groupedRows, columns: width)
                let grouped = Activations(rows: part.groupedRows, columns: size)
                let y = Activations(rows: rows.count, columns: size)
                runtime.linear(
                    x.matrix.rows(rows), isGrouped: false, gateUp, part, into: expanded.matrix,
                    epilogue: .siluMultiply)
                runtime.linear(expanded.matrix, isGrouped: true, down, part, into: grouped.matrix)
                runtime.combine(grouped.matrix, part, addingTo: y.matrix)
                return y.bits
            }
            let together = visit(0..<rows)
            for row in Set([0, rows / 2, rows - 1]) {
                let found = Array(together[row * size..<(row + 1) * size])
                #expect(visit(row..<row + 1) == found, "\(rows) rows, row \(row)")
                var sum = [Double](repeating: 0, count: size)
                var bits: [UInt32] = []
                for visit in row * chosen..<(row + 1) * chosen {
                    let expert = Int(routing.experts[visit])
                    let wide = Activations(rows: 1, columns: width), narrow = Activations(rows: 1, columns: size)
                    runtime.linear(
                        x.matrix.rows(row..<row + 1), gateUp[expert], into: wide.matrix, epilogue: .siluMultiply)
                    runtime.linear(wide.matrix, down[expert], into: narrow.matrix)
                    bits = narrow.bits
                    for (column, value) in narrow.values.enumerated() {
                        sum[column] += Double(routing.shares[visit]) * Double(value)
                    }
                }
                // One visit has share 1.
                if chosen == 1 { #expect(found == bits, "\(rows) rows, row \(row)") }
                #expect(zip(found, sum).allSatisfy { abs(Double(Float(bitPattern: $0)) - $1) < 1e-4 })
            }
        }
    }

    @Test func gatedSumsAreSigmoids() throws {
        let runtime = try TensorRuntime(threads: 2)
        var random = SeededRandom(seed: 73)
        let x = Activations(rows: 5, columns: 33, random: &random), y = Activations(rows: 5, columns: 33, fill: 1)
        let gates = scores([[0], [100], [-200], [1.5], [-1.5]])
        runtime.addGated(x.matrix, gates: gates.matrix, to: y.matrix)
        for (row, share) in [0.5, 1, 0, 0.817574476, 0.182425524].enumerated() {
            for column in 0..<33 {
                #expect(abs(Double(y.matrix[row][column]) - 1 - share * Double(x.matrix[row][column])) < 1e-6)
            }
        }
    }
}

private func exponential(_ x: Double) -> Double { exp(x) }
