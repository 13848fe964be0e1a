import ApusTestSupport
import CKernels
import Testing

@Suite struct Int4Tests {
    static let groups = [32, 128]

    private func family(_ table: Table, _ group: Int) -> apus_family {
        group == 32 ? table.kernels.pointee.int4_32 : table.kernels.pointee.int4_128
    }

    /// Codes and scales of an output.
    private func codes(_ product: QuantisedProduct, _ group: Int, _ row: Int) -> (codes: [UInt8], scales: [Float]) {
        var codes = [UInt8](repeating: 0, count: product.inputs)
        var scales = [Float](repeating: 0, count: (product.inputs + group - 1) / group)
        apus_unpack_codes_int4(product.weight.raw, group, product.inputs, row, &codes, &scales)
        return (codes, scales)
    }

    /// Sums within a group are exact and groups follow one another, so every table gives the bits of the definition.
    @Test(arguments: Table.all, groups) func isTheDefinition(_ table: Table, _ group: Int) {
        var random = SeededRandom(seed: 95)
        for (rows, outputs, inputs) in [(1, 1, 1), (3, 17, 31), (14, 50, 64), (45, 33, 130), (2, 70, 1_100)] {
            var x = (0..<rows * inputs).map { _ in random.unit() }
            let w = (0..<outputs * inputs).map { _ in random.unit() }
            // A row of zeros, and one with an outlier.
            if rows > 2 {
                for k in 0..<inputs { x[inputs + k] = 0 }
                x[2 * inputs] = 50
            }
            let product = QuantisedProduct(family(table, group), weights: w, outputs: outputs, inputs: inputs)
            let columns = (0..<outputs).map { codes(product, group, $0) }
            var expected: [Float] = []
            for row in 0..<rows {
                let left = stride(from: 0, to: inputs, by: group).map {
                    quantised(x[row * inputs + $0..<row * inputs + min($0 + group, inputs)])
                }
                for column in columns {
                    var total: Float = 0
                    for (index, part) in left.enumerated() {
                        var sum = 0
                        for (k, byte) in part.bytes.enumerated() {
                            sum += byte * (Int(column.codes[index * group + k]) - 8)
                        }
                        total.addProduct(Float(sum), column.scales[index] * part.scale)
                    }
                    expected.append(total)
                }
            }
            #expect(bitsEqual(product(x, rows: rows), expected), "\(rows) x \(outputs) x \(inputs)")
            #expect(bitsEqual(product(x, rows: rows, blocked: false), expected), "\(rows) x \(outputs) x \(inputs)")
        }
    }

    @Test(arguments: Table.all, groups) func rowsDoNotDependOnTheBatch(_ table: Table, _ group: Int) {
        var random = SeededRandom(seed: 96)
        // More inputs than a part of a blocked product has in either size of group.
        let outputs = 75, inputs = 2_200
        let x = (0..<40 * inputs).map { _ in random.unit() }, w = (0..<outputs * inputs).map { _ in random.unit() }
        let product = QuantisedProduct(family(table, group), weights: w, outputs: outputs, inputs: inputs)
        let alone = (0..<40).map { product(Array(x[$0 * inputs..<($0 + 1) * inputs]), rows: 1) }
        for rows in [2, 3, 5, 7, 8, 11, 12, 13, 16, 17, 31, 32, 33, 40] {
            let batch = product(Array(x[(40 - rows) * inputs..<40 * inputs]), rows: rows)
            for row in 0..<rows {
                #expect(bitsEqual(Array(batch[row * outputs..<(row + 1) * outputs]), alone[40 - rows + row]))
            }
        }
    }

    /// Numbers at the ends of their range do not overflow on any instruction.
    @Test(arguments: Table.all, groups) func extremes(_ table: Table, _ group: Int) {
        let inputs = 256, outputs = 16
        let w = (0..<outputs * inputs).map { Float($0 / inputs % 2 == 0 ? 1 : -1) }
        let x = [Float](repeating: 1, count: inputs) + [Float](repeating: -1, count: inputs)
        let y = QuantisedProduct(family(table, group), weights: w, outputs: outputs, inputs: inputs)(x, rows: 2)
        for row in 0..<2 {
            for output in 0..<outputs {
                let expected: Float = (row == 0) == (output % 2 == 0) ? 256 : -256
                #expect(abs(y[row * outputs + output] - expected) < 1e-2)
            }
        }
    }

    /// Every table packs the same bits, and no group is rounded worse than by the plain rule, its largest number at -8.
    @Test(arguments: groups) func roundsWell(_ group: Int) throws {
        var random = SeededRandom(seed: 97)
        let outputs = 20, inputs = 300
        let w = (0..<outputs * inputs).map { _ in random.unit() * random.unit() * random.unit() }
        let first = QuantisedProduct(family(Table.all[0], group), weights: w, outputs: outputs, inputs: inputs)
        for table in Table.all {
            let product = QuantisedProduct(family(table, group), weights: w, outputs: outputs, inputs: inputs)
            #expect(product.weight.hasSameBits(as: first.weight), "\(table)")
        }
        var sum = 0.0, plainSum = 0.0
        for row in 0..<outputs {
            let (codes, scales) = codes(first, group, row)
            var unpacked = [Float](repeating: 0, count: inputs)
            apus_unpack_row_int4(first.weight.raw, group, inputs, row, &unpacked)
            for start in stride(from: 0, to: inputs, by: group) {
                let numbers = Array(w[row * inputs + start..<row * inputs + min(start + group, inputs)])
                let largest = numbers.max { abs($0) < abs($1) }!
                let plain = largest / -8
                var error = 0.0, plainError = 0.0
                for (k, number) in numbers.enumerated() {
                    let found = (Float(codes[start + k]) - 8) * scales[start / group]
                    #expect(found == unpacked[start + k])
                    error += Double((number - found) * (number - found))
                    let rounded = min(max((number / plain).rounded(), -8), 7) * plain
                    plainError += Double((number - rounded) * (number - rounded))
                }
                // The scale is rounded to bfloat16: 1/256 of it.
                #expect(error < plainError * 1.05 + 1e-9)
                sum += error
                plainSum += plainError
            }
        }
        #expect(sum < 0.95 * plainSum)
    }

    /// Rows that come as halves of bytes are packed as those that are made into them, also when one scale is for
    /// several groups.
    @Test(arguments: Table.all, groups) func takesHalvesOfBytes(_ table: Table, _ group: Int) {
        var random = SeededRandom(seed: 98)
        let outputs = 21, inputs = 640
        let w = (0..<outputs * inputs).map { _ in random.unit() }
        let product = QuantisedProduct(family(table, group), weights: w, outputs: outputs, inputs: inputs)
        var halves: [UInt8] = [], scales: [Float] = []
        for row in 0..<outputs {
            let found = codes(product, group, row)
            for k in stride(from: 0, to: inputs, by: 2) { halves.append(found.codes[k] | found.codes[k + 1] << 4) }
            scales += found.scales
        }
        func packed(_ scales: [Float], _ scaleGroup: Int) -> QuantisedProduct {
            halves.withUnsafeBytes { halves in
                scales.withUnsafeBytes { scales in
                    QuantisedProduct(
                        family(table, group), outputs: outputs, inputs: inputs,
                        rows: .init(base: halves.baseAddress!, byteCount: inputs / 2, element: APUS_INT4),
                        scales: .init(
                            base: scales.baseAddress!, byteCount: inputs / scaleGroup * 4, element: APUS_FLOAT32),
                        scaleGroup: scaleGroup)
                }
            }
        }
        #expect(packed(scales, group).weight.hasSameBits(as: product.weight))
        let coarse = (0..<outputs).map { Float($0 + 1) / 64 }
        let shared = packed(coarse, inputs)
        for row in 0..<outputs { #expect(codes(shared, group, row).scales.allSatisfy { $0 == coarse[row] }) }
    }
}
