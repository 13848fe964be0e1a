import ApusTestSupport
import CKernels
import Testing

/// y = x W^T in int8 of one table.
private struct Int8Product {
    let family: apus_family
    let inputs: Int
    let outputs: Int
    let weight: Memory
    let scales: Memory
    let sums: Memory

    var panels: Int { padded(outputs, 16) / 16 }
    var paddedInputs: Int { padded(inputs, 64) }

    init(_ table: Table, weights: [Float], outputs: Int, inputs: Int) {
        family = table.kernels.pointee.int8
        self.inputs = inputs
        self.outputs = outputs
        let panels = padded(outputs, 16) / 16, panelBytes = padded(inputs, 64) * 16
        weight = Memory(floats: panels * panelBytes / 4)
        scales = Memory(floats: panels * 16)
        sums = Memory(floats: panels * 16)
        weights.withUnsafeBufferPointer { source in
            for panel in 0..<panels {
                var job = apus_panel()
                job.inner = inputs
                job.packed = weight.raw + panel * panelBytes
                job.scales = scales.floats + panel * 16
                job.sums = (sums.raw + panel * 64).assumingMemoryBound(to: Int32.self)
                withUnsafeMutableBytes(of: &job.rows) { rows in
                    let rows = rows.assumingMemoryBound(to: UnsafeRawPointer?.self)
                    for lane in 0..<16 where panel * 16 + lane < outputs {
                        rows[lane] = UnsafeRawPointer(source.baseAddress! + (panel * 16 + lane) * inputs)
                    }
                }
                family.pack_panel(&job)
            }
        }
    }

    func callAsFunction(_ x: [Float], rows: Int, blocked: Bool = true) -> [Float] {
        let groups = (rows + family.row_block - 1) / family.row_block
        let lhs = Memory(floats: rows * paddedInputs * family.lhs_bytes / 4)
        let rowScales = Memory(floats: rows), out = Memory(floats: rows * outputs)
        let scratch = Memory(floats: family.gemm_scratch(rows) / 4)
        x.withUnsafeBufferPointer { x in
            var pack = apus_lhs()
            pack.source = x.baseAddress
            pack.stride = inputs
            pack.rows = rows
            pack.inner = inputs
            pack.packed = lhs.raw
            pack.group_end = groups
            pack.scales = rowScales.floats
            family.pack_lhs(&pack)
        }
        var job = apus_gemm()
        job.lhs = UnsafeRawPointer(lhs.raw)
        job.rows = rows
        job.inner = paddedInputs
        job.weight = UnsafeRawPointer(weight.raw)
        job.outputs = outputs
        job.out = out.floats
        job.out_stride = outputs
        job.panel_end = panels
        job.group_end = groups
        job.scratch = blocked ? scratch.raw : nil
        job.lhs_scales = UnsafePointer(rowScales.floats)
        job.weight_scales = UnsafePointer(scales.floats)
        job.weight_sums = UnsafeRawPointer(sums.raw).assumingMemoryBound(to: Int32.self)
        family.gemm(&job)
        #expect(lhs.isIntact && rowScales.isIntact && out.isIntact && scratch.isIntact && weight.isIntact)
        return out.array
    }
}

@Suite struct Int8Tests {
    /// A row as bytes, and its scale: the definition.
    private func quantised(_ row: ArraySlice<Float>) -> (bytes: [Int], scale: Float) {
        let largest = row.reduce(0) { max($0, abs($1)) }
        let factor = largest > 0 ? 127 / largest : 0
        return (row.map { Int(($0 * factor).rounded(.toNearestOrEven)) }, largest / 127)
    }

    /// Sums are exact, so every table gives the bits of the definition.
    @Test(arguments: Table.all) func isTheDefinition(_ table: Table) {
        var random = SeededRandom(seed: 90)
        for (rows, outputs, inputs) in [(1, 1, 1), (3, 17, 31), (14, 50, 64), (45, 33, 130), (2, 70, 1_100)] {
            var x = (0..<rows * inputs).map { _ in random.unit() }
            let w = (0..<outputs * inputs).map { _ in random.unit() }
            // A row of zeros, and one with an outlier.
            if rows > 2 {
                for k in 0..<inputs { x[inputs + k] = 0 }
                x[2 * inputs] = 50
            }
            let columns = (0..<outputs).map { quantised(w[$0 * inputs..<($0 + 1) * inputs]) }
            var expected: [Float] = []
            for row in 0..<rows {
                let left = quantised(x[row * inputs..<(row + 1) * inputs])
                for column in columns {
                    var sum = 0
                    for k in 0..<inputs { sum += left.bytes[k] * column.bytes[k] }
                    expected.append(Float(sum) * (column.scale * left.scale))
                }
            }
            let product = Int8Product(table, weights: w, outputs: outputs, inputs: inputs)
            #expect(bitsEqual(product(x, rows: rows), expected), "\(rows) x \(outputs) x \(inputs)")
            #expect(bitsEqual(product(x, rows: rows, blocked: false), expected), "\(rows) x \(outputs) x \(inputs)")
        }
    }

    @Test(arguments: Table.all) func rowsDoNotDependOnTheBatch(_ table: Table) {
        var random = SeededRandom(seed: 91)
        let outputs = 75, inputs = 1_200
        let x = (0..<40 * inputs).map { _ in random.unit() }, w = (0..<outputs * inputs).map { _ in random.unit() }
        let product = Int8Product(table, weights: w, outputs: outputs, inputs: inputs)
        let alone = (0..<40).map { product(Array(x[$0 * inputs..<($0 + 1) * inputs]), rows: 1) }
        for rows in [2, 3, 5, 7, 11, 12, 13, 16, 17, 31, 33, 40] {
            let batch = product(Array(x[(40 - rows) * inputs..<40 * inputs]), rows: rows)
            for row in 0..<rows {
                #expect(bitsEqual(Array(batch[row * outputs..<(row + 1) * outputs]), alone[40 - rows + row]))
            }
        }
    }

    /// Bytes at the ends of their range do not overflow on any instruction.
    @Test(arguments: Table.all) func extremes(_ table: Table) {
        let inputs = 256, outputs = 16
        let w = (0..<outputs * inputs).map { Float($0 / inputs % 2 == 0 ? 1 : -1) }
        let x = [Float](repeating: 1, count: inputs) + [Float](repeating: -1, count: inputs)
        let y = Int8Product(table, weights: w, outputs: outputs, inputs: inputs)(x, rows: 2)
        for row in 0..<2 {
            for output in 0..<outputs {
                let expected: Float = (row == 0) == (output % 2 == 0) ? 256 : -256
                #expect(abs(y[row * outputs + output] - expected) < 1e-3)
            }
        }
    }

    /// 8 bits lose what 8 bits lose: the error against float32 is that of rounding both sides.
    @Test func isNearTheProduct() throws {
        let table = try #require(Table.all.last)
        var random = SeededRandom(seed: 92)
        let rows = 4, outputs = 32, inputs = 512
        let x = (0..<rows * inputs).map { _ in random.unit() }, w = (0..<outputs * inputs).map { _ in random.unit() }
        let y = Int8Product(table, weights: w, outputs: outputs, inputs: inputs)(x, rows: rows)
        for row in 0..<rows {
            for output in 0..<outputs {
                let exact = (0..<inputs).reduce(0.0) {
                    $0 + Double(x[row * inputs + $1]) * Double(w[output * inputs + $1])
                }
                // Each product is off by at most (0.5 + 0.5) / 127 of magnitudes below 1; they add like noise.
                #expect(abs(Double(y[row * outputs + output]) - exact) < 5 * Double(inputs).squareRoot() / 254)
            }
        }
    }
}
