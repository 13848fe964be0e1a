import ApusTestSupport
import CKernels
import Testing

@Suite struct Int8Tests {
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
            let product = QuantisedProduct(table.kernels.pointee.int8, weights: w, outputs: outputs, inputs: inputs)
            #expect(bitsEqual(product(x, rows: rows), expected), "\(rows) x \(outputs) x \(inputs)")
            #expect(bitsEqual(product(x, rows: rows, blocked: false), expected), "\(rows) x \(outputs) x \(inputs)")
        }
    }

    @Test(arguments: Table.all) func rowsDoNotDependOnTheBatch(_ table: Table) {
        var random = SeededRandom(seed: 91)
        let outputs = 75, inputs = 1_200
        let x = (0..<40 * inputs).map { _ in random.unit() }, w = (0..<outputs * inputs).map { _ in random.unit() }
        let product = QuantisedProduct(table.kernels.pointee.int8, weights: w, outputs: outputs, inputs: inputs)
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
        let y = QuantisedProduct(table.kernels.pointee.int8, weights: w, outputs: outputs, inputs: inputs)(x, rows: 2)
        for row in 0..<2 {
            for output in 0..<outputs {
                let expected: Float = (row == 0) == (output % 2 == 0) ? 256 : -256
                #expect(abs(y[row * outputs + output] - expected) < 1e-3)
            }
        }
    }

    /// Rows that come as bytes are packed as those that are made into bytes.
    @Test(arguments: Table.all) func takesBytes(_ table: Table) {
        var random = SeededRandom(seed: 93)
        let outputs = 21, inputs = 130
        let w = (0..<outputs * inputs).map { _ in random.unit() }
        let product = QuantisedProduct(table.kernels.pointee.int8, weights: w, outputs: outputs, inputs: inputs)
        var bytes = [Int8](repeating: 0, count: outputs * inputs)
        var scales = [Float](repeating: 0, count: outputs)
        for row in 0..<outputs {
            let definition = quantised(w[row * inputs..<(row + 1) * inputs])
            bytes.withUnsafeMutableBufferPointer {
                apus_unpack_codes_int8(product.weight.raw, inputs, row, $0.baseAddress! + row * inputs)
            }
            #expect(bytes[row * inputs..<(row + 1) * inputs].map { Int($0) } == definition.bytes)
            scales[row] = product.scales.floats[row]
        }
        let again = bytes.withUnsafeBytes { bytes in
            scales.withUnsafeBytes { scales in
                QuantisedProduct(
                    table.kernels.pointee.int8, outputs: outputs, inputs: inputs,
                    rows: .init(base: bytes.baseAddress!, byteCount: inputs, element: APUS_INT8),
                    scales: .init(base: scales.baseAddress!, byteCount: 4, element: APUS_FLOAT32), scaleGroup: inputs)
            }
        }
        #expect(again.weight.hasSameBits(as: product.weight))
        #expect(again.scales.hasSameBits(as: product.scales) && again.sums.hasSameBits(as: product.sums))
    }

    /// 8 bits lose what 8 bits lose: the error against float32 is that of rounding both sides.
    @Test func isNearTheProduct() throws {
        let table = try #require(Table.all.last)
        var random = SeededRandom(seed: 92)
        let rows = 4, outputs = 32, inputs = 512
        let x = (0..<rows * inputs).map { _ in random.unit() }, w = (0..<outputs * inputs).map { _ in random.unit() }
        let y = QuantisedProduct(table.kernels.pointee.int8, weights: w, outputs: outputs, inputs: inputs)(
            x, rows: rows)
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
