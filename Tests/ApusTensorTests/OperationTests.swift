import ApusCore
import ApusTensor
import ApusTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct OperationTests {
    /// Every operation on rows: the same bits for any number of threads, and the same as row by row.
    @Test func threadsDoNotMatter() throws {
        var random = SeededRandom(seed: 80)
        let rows = 150, columns = 192
        let x = Activations(rows: rows, columns: columns, random: &random)
        let other = Activations(rows: rows, columns: columns, random: &random)
        let weight = (0..<columns).map { _ in random.unit() }
        let positions = (0..<rows).map { _ in Int32.random(in: 0..<64, using: &random) }
        let table = try RotaryTable(inverseFrequencies: (0..<16).map { 1 / Float(1 << $0) }, positions: 64)
        func results(_ runtime: TensorRuntime, _ range: Range<Int>) -> [[UInt32]] {
            let a = x.matrix.rows(range), b = other.matrix.rows(range)
            func made(_ body: (Matrix) -> Void) -> [UInt32] {
                let y = Activations(rows: range.count, columns: columns)
                for row in 0..<range.count { _ = y.matrix[row].update(fromContentsOf: a[row]) }
                body(y.matrix)
                return y.bits
            }
            return [
                made { runtime.rmsNorm(a, weight: weight, epsilon: 1e-6, into: $0) },
                made { runtime.rmsNormHeads($0, headDimension: 32, weight: weight, epsilon: 1e-6) },
                made { runtime.layerNorm(a, weight: weight, bias: weight, epsilon: 1e-6, into: $0) },
                made { runtime.siluMultiply(gate: a, up: b, into: $0) },
                made { runtime.gelu(a, .exact, into: $0) },
                made { runtime.gelu(a, .tanh, into: $0) },
                made { runtime.tanh(a, into: $0) },
                made { runtime.add(a, b, into: $0) },
                made { y in
                    Array(positions[range]).withUnsafeBufferPointer {
                        runtime.rotate(y, headDimension: 48, positions: $0, table: table)
                    }
                },
            ]
        }
        let one = try TensorRuntime(threads: 1)
        let whole = results(one, 0..<rows)
        for threads in 2...4 { #expect(try results(TensorRuntime(threads: threads), 0..<rows) == whole) }
        for row in [0, 71, 149] {
            let alone = results(one, row..<row + 1)
            for (part, all) in zip(alone, whole) { #expect(part == Array(all[row * columns..<(row + 1) * columns])) }
        }
    }

    @Test func headNormsAreNormsOfHeads() throws {
        let runtime = try TensorRuntime(threads: 2)
        var random = SeededRandom(seed: 81)
        let x = Activations(rows: 3, columns: 80, random: &random)
        let weight = (0..<40).map { _ in random.unit() }
        var expected: [Float] = []
        for row in 0..<3 {
            for head in 0..<2 {
                let values = x.matrix[row][head * 40..<head * 40 + 40].map(Double.init)
                let scale = 1 / (values.reduce(0) { $0 + $1 * $1 } / 40 + 1e-6).squareRoot()
                expected += values.indices.map { Float(values[$0] * scale * Double(weight[$0])) }
            }
        }
        runtime.rmsNormHeads(x.matrix, headDimension: 40, weight: weight, epsilon: 1e-6)
        #expect(zip(x.values, expected).allSatisfy { abs($0 - $1) < 1e-5 })
    }

    @Test func rotaryAngles() throws {
        let frequencies: [Float] = [1, 0.1, 0.01]
        let table = try RotaryTable(inverseFrequencies: frequencies, positions: 5_000, scale: 0.5)
        let runtime = try TensorRuntime(threads: 1)
        let x = Activations(rows: 3, columns: 8, fill: 1)
        let positions: [Int32] = [0, 17, 4_999]
        positions.withUnsafeBufferPointer {
            runtime.rotate(x.matrix, headDimension: 8, positions: $0, table: table)
        }
        for (row, position) in positions.enumerated() {
            for (index, frequency) in frequencies.enumerated() {
                let angle = Double(Float(position) * frequency)
                #expect(abs(Double(x.matrix[row][index]) - 0.5 * (cos(angle) - sin(angle))) < 1e-6)
                #expect(abs(Double(x.matrix[row][index + 3]) - 0.5 * (cos(angle) + sin(angle))) < 1e-6)
            }
            #expect(x.matrix[row][6] == 1 && x.matrix[row][7] == 1)
        }
    }

    @Test func argmaxAndSelect() throws {
        let runtime = try TensorRuntime(threads: 3)
        var random = SeededRandom(seed: 82)
        let x = Activations(rows: 20, columns: 333, random: &random)
        x.matrix[4][200] = 5
        x.matrix[4][100] = 5
        var indices = [Int32](repeating: -1, count: 20)
        indices.withUnsafeMutableBufferPointer { runtime.argmax(x.matrix, into: $0) }
        for row in 0..<20 {
            let values = Array(x.matrix[row])
            #expect(Int(indices[row]) == values.firstIndex(of: values.max() ?? 0))
        }
        #expect(indices[4] == 100)
        let picked = Activations(rows: 3, columns: 333)
        [Int32(4), 19, 4].withUnsafeBufferPointer { runtime.select(x.matrix, rows: $0, into: picked.matrix) }
        #expect(Array(picked.matrix[1]) == Array(x.matrix[19]))
        #expect(Array(picked.matrix[0]) == Array(picked.matrix[2]))
    }

    @Test func buffersAreAlignedZeroedAndGrow() throws {
        for count in [1, 100, 1 << 20, (2 << 20) - 1, 2 << 20, (5 << 20) + 7] {
            let buffer = try AlignedBuffer(byteCount: count)
            #expect(UInt(bitPattern: buffer.base) % (count >= 2 << 20 ? 2 << 20 : 64) == 0)
            let bytes = UnsafeRawBufferPointer(start: buffer.base, count: count)
            #expect(bytes.first == 0 && bytes.last == 0)
            buffer.base.storeBytes(of: 1, toByteOffset: count - 1, as: UInt8.self)
        }
        let buffer = AlignedBuffer()
        for rows in [1, 3, 1_000, 2] {
            let matrix = buffer.matrix(rows: rows, columns: 1_001)
            #expect(matrix.stride == 1_008 && matrix.rows == rows)
            matrix[rows - 1][1_000] = 3
        }
        #expect(buffer.byteCount >= 1_000 * 1_008 * 4)
        #expect(throws: TensorError.self) { try AlignedBuffer(byteCount: 1 << 60) }
    }
}
