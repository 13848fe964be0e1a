import ApusTestSupport
import CKernels
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct FunctionTests {
    /// Differences in units of the last place of the exact result.
    private func ulps(_ x: Float, _ exact: Double) -> Double {
        abs(Double(x) - exact) / Double(max(Float(abs(exact)).ulp, Float.leastNonzeroMagnitude))
    }

    private func apply(
        _ function: (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void, _ x: [Float]
    ) -> [Float] {
        var y = [Float](repeating: 0, count: x.count)
        function(x, &y, x.count)
        return y
    }

    @Test(arguments: Table.all) func exponentialIsAccurate(_ table: Table) {
        var random = SeededRandom(seed: 20)
        let x = (0..<4_000).map { _ in Float.random(in: -103...88.7, using: &random) } + [0, -0.0, 1, -1, 88.72]
        for (input, y) in zip(x, apply(table.kernels.pointee.exp, x)) {
            #expect(ulps(y, exactExponential(Double(input))) <= 2, "exp(\(input))")
        }
        let ends = apply(table.kernels.pointee.exp, [-.infinity, -200, 89.5, .infinity, .nan])
        #expect(ends[0] == 0 && ends[1] == 0 && ends[2] == .infinity && ends[3] == .infinity && ends[4].isNaN)
    }

    @Test(arguments: Table.all) func activationsAreAccurate(_ table: Table) {
        var random = SeededRandom(seed: 21)
        let kernels = table.kernels.pointee
        let x = (0..<2_000).map { _ in Float.random(in: -12...12, using: &random) } + [0, 0.01, -0.01, 40, -40]
        let one = [Float](repeating: 1, count: x.count)
        var silu = x
        kernels.silu_multiply(x, one, &silu, x.count)
        let hyperbolic = apply(kernels.tanh, x)
        let exact = apply(kernels.gelu_erf, x), approximate = apply(kernels.gelu_tanh, x)
        for (i, value) in x.enumerated() {
            let v = Double(value)
            #expect(ulps(silu[i], v / (1 + exactExponential(-v))) <= 4, "silu(\(v))")
            #expect(ulps(hyperbolic[i], tanh(v)) <= 6, "tanh(\(v))")
            #expect(abs(Double(exact[i]) - v * 0.5 * (1 + erf(v / 2.0.squareRoot()))) <= 3e-7 * max(1, abs(v)))
            let inner = (2 / Double.pi).squareRoot() * (v + 0.044715 * v * v * v)
            #expect(abs(Double(approximate[i]) - v * 0.5 * (1 + tanh(inner))) <= 3e-7 * max(1, abs(v)))
        }
    }

    /// A number's result is the same in a full register, in a tail, and at any offset.
    @Test(arguments: Table.all) func resultsDoNotDependOnThePosition(_ table: Table) {
        var random = SeededRandom(seed: 22)
        let kernels = table.kernels.pointee
        let x = (0..<61).map { _ in random.unit() * 10 }
        typealias Function = (UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int) -> Void
        let functions: [Function] = [
            { kernels.exp($0, $1, $2) }, { kernels.tanh($0, $1, $2) }, { kernels.gelu_erf($0, $1, $2) },
            { kernels.gelu_tanh($0, $1, $2) }, { kernels.silu_multiply($0, $0, $1, $2) },
            { _ = kernels.exponentials($0, 1, 0.5, $1, $2) }, { kernels.add_scaled($0, $0, 0.3, $1, $2) },
        ]
        for function in functions {
            let whole = apply({ function($0, $1, $2) }, x)
            for start in [1, 7, 16, 33, 60] {
                #expect(bitsEqual(apply({ function($0, $1, $2) }, Array(x[start...])), Array(whole[start...])))
            }
        }
    }

    /// Every number lies within half a step of its byte, the largest one becomes 127, and all sets agree.
    @Test(arguments: [8, 16, 40, 64, 200]) func quantised(count: Int) {
        var random = SeededRandom(seed: 24)
        var x = (0..<count).map { _ in random.unit() * 3 }
        let results = Table.all.map { table in
            var bytes = [Int8](repeating: 0, count: count)
            return (table.kernels.pointee.quantise(x, &bytes, count), bytes)
        }
        let (scale, bytes) = results[0]
        let largest = x.map { abs($0) }.max() ?? 0
        #expect(scale == largest / 127 && bytes.map { abs(Int($0)) }.max() == 127)
        for (number, byte) in zip(x, bytes) { #expect(abs(number - Float(byte) * scale) <= scale * 0.5001) }
        for result in results { #expect(result.0 == scale && result.1 == bytes) }
        x = x.map { _ in 0 }
        var zeros = [Int8](repeating: 1, count: count)
        #expect(Table.all[0].kernels.pointee.quantise(x, &zeros, count) == 0 && zeros.allSatisfy { $0 == 0 })
    }

    @Test func fusedSetsAgreeBitForBit() {
        var random = SeededRandom(seed: 23)
        let x = (0..<203).map { _ in random.unit() * 8 }, w = (0..<203).map { _ in random.unit() }
        let results = Table.fused.map { table -> [[Float]] in
            let kernels = table.kernels.pointee
            var norm = x, layer = x, silu = x, turned = x
            kernels.rms_norm(x, 203, w, 0, 1e-6, &norm, 203, 1, 203)
            kernels.layer_norm(x, 203, w, w, 1e-6, &layer, 203, 1, 203)
            kernels.silu_multiply(x, w, &silu, 203)
            kernels.rotate(&turned, 3, 66, x, w, 33)
            return [
                apply(kernels.exp, x), apply(kernels.gelu_erf, x), apply(kernels.gelu_tanh, x), norm, layer, silu,
                turned, [kernels.dot(x, w, 203), kernels.exponentials(x, 3, 1, nil, 203)],
            ]
        }
        for result in results {
            for (a, b) in zip(result, results[0]) { #expect(bitsEqual(a, b)) }
        }
    }

    @Test(arguments: Table.all) func formats(_ table: Table) {
        let kernels = table.kernels.pointee
        let patterns = (0...UInt16.max).map { $0 }
        var widened = [Float](repeating: 0, count: patterns.count)
        kernels.convert(patterns, APUS_FLOAT16, &widened, APUS_FLOAT32, patterns.count)
        var wrong = 0
        for pattern in patterns {
            let exact = Float(Float16(bitPattern: pattern)), y = widened[Int(pattern)]
            if !(exact.isNaN ? y.isNaN : exact.bitPattern == y.bitPattern) { wrong += 1 }
        }
        #expect(wrong == 0)
        var back = [UInt16](repeating: 0, count: patterns.count)
        kernels.convert(widened, APUS_FLOAT32, &back, APUS_FLOAT16, patterns.count)
        #expect(zip(patterns, back).allSatisfy { Float16(bitPattern: $0).isNaN || $0 == $1 })
        kernels.convert(patterns, APUS_BFLOAT16, &widened, APUS_FLOAT32, patterns.count)
        #expect(zip(patterns, widened).allSatisfy { UInt32($0) << 16 == $1.bitPattern })

        var random = SeededRandom(seed: 24)
        let bits = (0..<20_003).map { _ in UInt32(truncatingIfNeeded: random.next()) }
        let special: [Float] = [65_519, 65_520, 65_536, 0x1p-24, 0x1p-25, 0x1.8p-25, -0.0, .infinity, .nan, 6.1e-5]
        let x = bits.map(Float.init(bitPattern:)) + bits.map { Float($0 % 200_000) / 3 } + special
        var narrow = [UInt16](repeating: 0, count: x.count)
        kernels.convert(x, APUS_FLOAT32, &narrow, APUS_FLOAT16, x.count)
        wrong = 0
        for (input, y) in zip(x, narrow) {
            let exact = Float16(input)
            if !(exact.isNaN ? Float16(bitPattern: y).isNaN : exact.bitPattern == y) { wrong += 1 }
        }
        #expect(wrong == 0)
        kernels.convert(x, APUS_FLOAT32, &narrow, APUS_BFLOAT16, x.count)
        wrong = 0
        for (input, y) in zip(x, narrow) {
            let value = Float(bitPattern: UInt32(y) << 16)
            if !(input.isNaN ? value.isNaN : rounded(input).bitPattern == value.bitPattern) { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    @Test(arguments: Table.all) func norms(_ table: Table) {
        var random = SeededRandom(seed: 25)
        let kernels = table.kernels.pointee
        for columns in [1, 15, 16, 40, 47, 64, 301] {
            let rows = 3, stride = columns + 5
            let x = (0..<rows * stride).map { _ in random.unit() + 0.5 }
            let w = (0..<columns).map { _ in random.unit() }, b = (0..<columns).map { _ in random.unit() }
            var rms = [Float](repeating: 7, count: rows * stride), layer = rms
            kernels.rms_norm(x, stride, w, 1, 1e-5, &rms, stride, rows, columns)
            kernels.layer_norm(x, stride, w, b, 1e-5, &layer, stride, rows, columns)
            for row in 0..<rows {
                let values = x[row * stride..<row * stride + columns].map(Double.init)
                let square = values.reduce(0) { $0 + $1 * $1 } / Double(columns)
                let mean = values.reduce(0, +) / Double(columns)
                let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
                for c in 0..<columns {
                    let at = row * stride + c
                    let expected = values[c] / (square + 1e-5).squareRoot() * (Double(w[c]) + 1)
                    #expect(abs(Double(rms[at]) - expected) < 2e-6 * max(1, abs(expected)))
                    let centred = (values[c] - mean) / (variance + 1e-5).squareRoot() * Double(w[c]) + Double(b[c])
                    #expect(abs(Double(layer[at]) - centred) < 1e-5)
                }
                #expect(rms[row * stride + columns] == 7 && layer[row * stride + columns] == 7)
            }
        }
    }

    @Test(arguments: Table.all) func reductions(_ table: Table) {
        var random = SeededRandom(seed: 26)
        let kernels = table.kernels.pointee
        for count in [1, 2, 15, 16, 17, 33, 64, 1_001] {
            for _ in 0..<20 {
                var x = (0..<count).map { _ in Float(Int.random(in: 0..<8, using: &random)) }
                if Bool.random(using: &random) { x[Int.random(in: 0..<count, using: &random)] = .nan }
                let real = x.filter { !$0.isNaN }
                let best = real.max() ?? -.infinity
                #expect(kernels.argmax(x, count) == x.firstIndex(of: best) ?? 0)
                #expect(kernels.maximum(x, count) == best)
            }
            let x = (0..<count).map { _ in random.unit() * 4 }, y = (0..<count).map { _ in random.unit() }
            var out = [Float](repeating: 0, count: count)
            let sum = kernels.exponentials(x, 1.5, 0.7, &out, count)
            let exact = x.map { exactExponential((Double($0) - 1.5) * 0.7) }
            #expect(abs(Double(sum) - exact.reduce(0, +)) < 1e-5 * exact.reduce(0, +))
            for i in 0..<count { #expect(abs(Double(out[i]) - exact[i]) < 1e-6 * exact[i]) }
            let product = zip(x, y).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            #expect(abs(Double(kernels.dot(x, y, count)) - product) < 1e-6 * Double(count + 4))
        }
        #expect(kernels.argmax([], 0) == 0 && kernels.maximum([], 0) == -.infinity)
    }

    @Test(arguments: Table.all) func rotation(_ table: Table) {
        var random = SeededRandom(seed: 27)
        for (heads, dimension, half) in [(1, 16, 8), (3, 64, 32), (2, 40, 10), (2, 80, 40)] {
            let x = (0..<heads * dimension).map { _ in random.unit() }
            let angles = (0..<half).map { _ in Double(random.unit()) * 3 }
            let cosines = angles.map { Float(cos($0)) }, sines = angles.map { Float(sin($0)) }
            var y = x
            table.kernels.pointee.rotate(&y, heads, dimension, cosines, sines, half)
            for head in 0..<heads {
                for i in 0..<dimension {
                    let at = head * dimension + i
                    var expected = Double(x[at])
                    if i < half {
                        expected = Double(x[at]) * cos(angles[i]) - Double(x[at + half]) * sin(angles[i])
                    } else if i < 2 * half {
                        expected = Double(x[at]) * cos(angles[i - half]) + Double(x[at - half]) * sin(angles[i - half])
                    }
                    #expect(abs(Double(y[at]) - expected) < 4e-7)
                }
            }
        }
    }

    private func exactExponential(_ x: Double) -> Double { exp(x) }
}
