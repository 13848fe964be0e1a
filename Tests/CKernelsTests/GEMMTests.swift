import ApusTestSupport
import CKernels
import COpenBLAS
import Testing

@Suite struct GEMMTests {
    private static func numbers(_ count: Int, _ random: inout SeededRandom) -> [Float] {
        (0..<count).map { _ in random.unit() }
    }

    /// A product in double precision, and the sum of magnitudes that bounds the rounding of any order of additions.
    private func reference(
        _ family: Family, _ x: [Float], _ w: [Float], rows: Int, outputs: Int, inputs: Int
    ) -> (values: [Double], magnitudes: [Double]) {
        let x = family.isBFloat16 ? x.map(rounded) : x
        let w = family.isBFloat16 ? w.map(rounded) : w
        var values: [Double] = [], magnitudes: [Double] = []
        for m in 0..<rows {
            for n in 0..<outputs {
                var sum = 0.0, magnitude = 0.0
                for k in 0..<inputs {
                    let product = Double(x[m * inputs + k]) * Double(w[n * inputs + k])
                    sum += product
                    magnitude += abs(product)
                }
                values.append(sum)
                magnitudes.append(magnitude)
            }
        }
        return (values, magnitudes)
    }

    @Test(arguments: Family.all) func agreesWithDoublePrecision(_ family: Family) {
        var random = SeededRandom(seed: 1)
        for (rows, outputs, inputs) in [(1, 1, 1), (3, 17, 31), (5, 48, 64), (33, 21, 33), (70, 19, 40), (2, 130, 97)] {
            let x = Self.numbers(rows * inputs, &random), w = Self.numbers(outputs * inputs, &random)
            let expected = reference(family, x, w, rows: rows, outputs: outputs, inputs: inputs)
            let out = Product(family, weights: w, outputs: outputs, inputs: inputs)(x, rows: rows)
            for i in 0..<rows * outputs {
                let bound = Double(inputs + 1) * 0x1p-24 * expected.magnitudes[i] + 1e-30
                #expect(abs(Double(out.floats[i]) - expected.values[i]) <= bound, "\(rows) x \(outputs) x \(inputs)")
            }
            #expect(out.isIntact)
        }
    }

    /// The promise of batch invariance: a row alone, or anywhere in a batch of any size, has the same bits.
    @Test(arguments: Family.all) func rowsDoNotDependOnTheBatch(_ family: Family) {
        var random = SeededRandom(seed: 2)
        // Enough inputs that large batches take them in several parts.
        let outputs = 83, inputs = 1_100
        let x = Self.numbers(67 * inputs, &random), w = Self.numbers(outputs * inputs, &random)
        let product = Product(family, weights: w, outputs: outputs, inputs: inputs)
        let alone = (0..<67).map { product(Array(x[$0 * inputs..<($0 + 1) * inputs]), rows: 1).array }
        for rows in Array(2...14) + [16, 17, 24, 25, 31, 32, 33, 48, 64, 65, 67] {
            let start = 67 - rows
            let batch = product(Array(x[start * inputs..<67 * inputs]), rows: rows).array
            for row in 0..<rows {
                let part = Array(batch[row * outputs..<(row + 1) * outputs])
                #expect(bitsEqual(part, alone[start + row]), "row \(row) of \(rows)")
            }
        }
    }

    @Test(arguments: Family.all) func partsMakeTheWhole(_ family: Family) {
        var random = SeededRandom(seed: 3)
        let rows = 50, outputs = 150, inputs = 1_045
        let x = Self.numbers(rows * inputs, &random), w = Self.numbers(outputs * inputs, &random)
        let product = Product(family, weights: w, outputs: outputs, inputs: inputs)
        let whole = product(x, rows: rows)
        let groups = (rows + family.functions.row_block - 1) / family.functions.row_block
        let parts = Memory(floats: rows * outputs)
        var panel = 0
        for width in [1, 3, 2, 4] {
            for group in 0..<groups {
                product.run(
                    x, rows: rows, into: parts, stride: outputs, panels: panel..<panel + width,
                    groups: group..<group + 1)
            }
            panel += width
        }
        #expect(panel == product.panels)
        #expect(parts.hasSameBits(as: whole))
        let unblocked = Memory(floats: rows * outputs)
        product.run(x, rows: rows, into: unblocked, stride: outputs, blocked: false)
        #expect(unblocked.hasSameBits(as: whole))
    }

    /// Sums of exact products in one order: multiplying and adding rounds as fused multiply-add does.
    @Test func bfloat16HasTheSameBitsOnEveryWideningSet() throws {
        var random = SeededRandom(seed: 4)
        let rows = 19, outputs = 40, inputs = 130
        let x = Self.numbers(rows * inputs, &random), w = Self.numbers(outputs * inputs, &random)
        let tables = ["scalar", "neon", "avx2", "avx512"].compactMap(Table.named)
        let results = tables.map { table in
            Product(.of(table, bfloat16: true), weights: w, outputs: outputs, inputs: inputs)(x, rows: rows)
        }
        for result in results { #expect(result.hasSameBits(as: results[0])) }
    }

    @Test func float32HasTheSameBitsOnEveryFusedSet() {
        var random = SeededRandom(seed: 5)
        let rows = 19, outputs = 40, inputs = 130
        let x = Self.numbers(rows * inputs, &random), w = Self.numbers(outputs * inputs, &random)
        let results = Table.fused.map { table in
            Product(.of(table, bfloat16: false), weights: w, outputs: outputs, inputs: inputs)(x, rows: rows)
        }
        for result in results { #expect(result.hasSameBits(as: results[0])) }
    }

    /// Where the instructions can run or be trapped: the emulated tiles are the tiles.
    @Test(.enabled(if: Table.tiles != nil)) func emulatedTilesAreTheTiles() throws {
        let hard = Family.of(try #require(Table.tiles), bfloat16: true)
        let soft = Family.of(try #require(Table.named("amx-soft")), bfloat16: true)
        var random = SeededRandom(seed: 6)
        for (rows, outputs, inputs) in [(1, 64, 64), (16, 33, 96), (17, 90, 32), (45, 130, 200)] {
            let x = Self.numbers(rows * inputs, &random), w = Self.numbers(outputs * inputs, &random)
            let a = Product(hard, weights: w, outputs: outputs, inputs: inputs)(x, rows: rows)
            let b = Product(soft, weights: w, outputs: outputs, inputs: inputs)(x, rows: rows)
            #expect(a.hasSameBits(as: b))
        }
    }

    @Test(arguments: Family.all) func epilogues(_ family: Family) {
        var random = SeededRandom(seed: 7)
        let rows = 14, outputs = 43, inputs = 20, stride = 50
        let x = Self.numbers(rows * inputs, &random), w = Self.numbers(outputs * inputs, &random)
        let product = Product(family, weights: w, outputs: outputs, inputs: inputs)
        let plain = product(x, rows: rows)
        let bias = Memory(Self.numbers(48, &random)), residual = Self.numbers(rows * stride, &random)
        let stored = Memory(residual), accumulated = Memory(residual)
        product.run(x, rows: rows, bias: bias, into: stored, stride: stride)
        product.run(x, rows: rows, bias: bias, epilogue: APUS_ACCUMULATE, into: accumulated, stride: stride)
        for row in 0..<rows {
            for column in 0..<stride {
                let at = row * stride + column
                guard column < outputs else {
                    #expect(stored.floats[at] == residual[at] && accumulated.floats[at] == residual[at])
                    continue
                }
                let sum = plain.floats[row * outputs + column] + bias.floats[column]
                #expect(stored.floats[at] == sum)
                #expect(accumulated.floats[at] == sum + residual[at])
            }
        }
        #expect(stored.isIntact && accumulated.isIntact)
    }

    @Test(arguments: Table.all) func siluMultiplyPairsPanels(_ table: Table) {
        var random = SeededRandom(seed: 8)
        for bfloat16 in [false, true] {
            let family = Family.of(table, bfloat16: bfloat16)
            // 96 packed columns: three pairs, the last of which has 10 columns in use.
            let rows = 9, outputs = 96, inputs = 33, width = 42
            let x = Self.numbers(rows * inputs, &random), w = Self.numbers(outputs * inputs, &random)
            let product = Product(family, weights: w, outputs: outputs, inputs: inputs)
            let plain = product(x, rows: rows)
            let bias = Memory(Self.numbers(outputs, &random))
            let used = Product(family, weights: w, outputs: outputs, inputs: inputs, using: width * 2)
            let out = Memory(floats: rows * width)
            used.run(x, rows: rows, bias: bias, epilogue: APUS_SILU_MULTIPLY, into: out, stride: width)
            let gate = Memory(floats: width), up = Memory(floats: width), expected = Memory(floats: width)
            for row in 0..<rows {
                for column in 0..<width {
                    let packed = column / 16 * 32 + column % 16
                    gate.floats[column] = plain.floats[row * outputs + packed] + bias.floats[packed]
                    up.floats[column] = plain.floats[row * outputs + packed + 16] + bias.floats[packed + 16]
                }
                table.kernels.pointee.silu_multiply(gate.floats, up.floats, expected.floats, width)
                let actual = Array(out.array[row * width..<(row + 1) * width])
                #expect(bitsEqual(actual, expected.array), "\(table) row \(row)")
            }
            #expect(out.isIntact)
        }
    }

    @Test(arguments: Table.all) func siluPackIsWhatTheNextProductPacks(_ table: Table) {
        var random = SeededRandom(seed: 10)
        for bfloat16 in [false, true] {
            let family = Family.of(table, bfloat16: bfloat16)
            let rows = 75, outputs = 192, inputs = 70, width = outputs / 2
            let x = Self.numbers(rows * inputs, &random), w = Self.numbers(outputs * inputs, &random)
            let product = Product(family, weights: w, outputs: outputs, inputs: inputs)
            let bias = Memory(Self.numbers(outputs, &random)), plain = Memory(floats: rows * width)
            product.run(x, rows: rows, bias: bias, epilogue: APUS_SILU_MULTIPLY, into: plain, stride: width)
            let expected = Product.pack(family, plain.floats, rows: rows, inner: width)
            for blocked in [true, false] {
                let out = Memory(floats: expected.array.count)
                product.run(
                    x, rows: rows, bias: bias, epilogue: APUS_SILU_PACK, into: out, stride: 0, panels: 0..<8,
                    blocked: blocked)
                product.run(
                    x, rows: rows, bias: bias, epilogue: APUS_SILU_PACK, into: out, stride: 0, panels: 8..<12,
                    blocked: blocked)
                #expect(bitsEqual(out.array, expected.array), "\(table) \(bfloat16) \(blocked)")
                #expect(out.isIntact)
            }
        }
    }

    /// An independent judge at sizes where blocks, strips and groups all matter.
    @Test(arguments: Table.all) func agreesWithOpenBLAS(_ table: Table) {
        openblas_set_num_threads(1)
        var random = SeededRandom(seed: 9)
        let rows = 61, outputs = 200, inputs = 333
        let x = Self.numbers(rows * inputs, &random), w = Self.numbers(outputs * inputs, &random)
        let out = Product(.of(table, bfloat16: false), weights: w, outputs: outputs, inputs: inputs)(x, rows: rows)
        var expected = [Float](repeating: 0, count: rows * outputs)
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(outputs), blasint(inputs), 1, x,
            blasint(inputs), w, blasint(inputs), 0, &expected, blasint(outputs))
        // Two sums of 333 products below 1: each within K epsilon of the sum of magnitudes, which is near 333 / 4.
        let bound: Float = 2 * 333 * 0x1p-24 * 333 / 3
        for i in 0..<rows * outputs { #expect(abs(out.floats[i] - expected[i]) <= bound) }
    }

    @Test(arguments: Table.all) func packsEveryFormat(_ table: Table) {
        var random = SeededRandom(seed: 10)
        let inputs = 45, outputs = 16
        // Numbers that all three formats hold exactly.
        let w = (0..<outputs * inputs).map { _ in Float(Int.random(in: -128...128, using: &random)) / 64 }
        let kernels = table.kernels.pointee
        for bfloat16 in [false, true] {
            let family = Family.of(table, bfloat16: bfloat16)
            let expected = Product(family, weights: w, outputs: outputs, inputs: inputs).weight
            let halves = Memory(floats: w.count), brains = Memory(floats: w.count)
            kernels.convert(w, APUS_FLOAT32, halves.raw, APUS_FLOAT16, w.count)
            kernels.convert(w, APUS_FLOAT32, brains.raw, APUS_BFLOAT16, w.count)
            let mixed = Memory(floats: expected.count)
            w.withUnsafeBytes { singles in
                var job = apus_panel()
                job.inner = inputs
                job.packed = mixed.raw
                withUnsafeMutableBytes(of: &job.rows) { rows in
                    let rows = rows.assumingMemoryBound(to: UnsafeRawPointer?.self)
                    for lane in 0..<16 {
                        let at = lane * inputs
                        rows[lane] =
                            [
                                singles.baseAddress! + at * 4, UnsafeRawPointer(halves.raw + at * 2),
                                UnsafeRawPointer(brains.raw + at * 2),
                            ][lane % 3]
                    }
                }
                withUnsafeMutableBytes(of: &job.elements) { elements in
                    for lane in 0..<16 { elements[lane] = UInt8(lane % 3) }
                }
                family.functions.pack_panel(&job)
            }
            #expect(mixed.hasSameBits(as: expected))
            var row = [Float](repeating: 0, count: inputs)
            for lane in [0, 1, 7, 15] {
                apus_unpack_row(expected.raw, bfloat16 ? APUS_BFLOAT16 : APUS_FLOAT32, inputs, lane, &row)
                #expect(row == Array(w[lane * inputs..<(lane + 1) * inputs]))
            }
        }
    }
}

extension Product {
    /// The same with fewer columns in use than are packed.
    fileprivate init(_ family: Family, weights: [Float], outputs: Int, inputs: Int, using used: Int) {
        let whole = Product(family, weights: weights, outputs: outputs, inputs: inputs)
        self.init(family: family, inputs: inputs, outputs: used, weight: whole.weight, panels: whole.panels)
    }
}
