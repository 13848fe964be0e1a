import ApusTestSupport
import CKernels
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One sequence over a pool of shuffled slots, one KV head.
private struct Scene {
    let family: Family
    let length: Int
    let dimension: Int
    let group: Int
    let keys: Memory
    let values: Memory
    let slots: [Int32]
    let query: Memory
    /// Numbers from one slot to the next: more than the head, as with several KV heads.
    let stride: Int
    /// Of int8 planes, by slot.
    let scales: Memory?

    init(_ family: Family, length: Int, dimension: Int, group: Int, seed: UInt64, int8: Bool = false) {
        var random = SeededRandom(seed: seed)
        self.family = family
        self.length = length
        self.dimension = dimension
        self.group = group
        stride = dimension + 8
        let count = (length + 3) * stride
        slots = (0..<Int32(length + 3)).shuffled(using: &random).prefix(length).map { $0 }
        func plane() -> Memory {
            let numbers = (0..<count).map { _ in random.unit() * 2 }
            if int8 {
                let memory = Memory(floats: count / 4)
                for i in 0..<count {
                    memory.raw.storeBytes(of: Int8((numbers[i] * 63.5).rounded()), toByteOffset: i, as: Int8.self)
                }
                return memory
            }
            guard family.isBFloat16 else { return Memory(numbers) }
            let memory = Memory(floats: count)
            Table.all[0].kernels.pointee.convert(numbers, APUS_FLOAT32, memory.raw, APUS_BFLOAT16, count)
            return memory
        }
        keys = plane()
        values = plane()
        query = Memory((0..<length * group * dimension).map { _ in random.unit() * 2 })
        scales = int8 ? Memory((0..<length + 3).map { _ in 0.01 + abs(random.unit()) * 0.02 }) : nil
    }

    func number(_ plane: Memory, position: Int, _ d: Int) -> Double {
        let at = Int(slots[position]) * stride + d
        guard family.isBFloat16 else { return Double(plane.floats[at]) }
        let bits = plane.raw.load(fromByteOffset: at * 2, as: UInt16.self)
        return Double(Float(bitPattern: UInt32(bits) << 16))
    }

    /// Attention for the tokens of a range of positions; the rest of the result is zero.
    func run(
        _ tokens: Range<Int>, causal: Bool = true, window: Int = 0, into out: Memory? = nil
    ) -> Memory {
        let out = out ?? Memory(floats: length * group * dimension)
        let scratch = Memory(floats: family.functions.attention_scratch(tokens.count * group, dimension) / 4)
        var job = apus_attention()
        job.query = UnsafePointer(query.floats)
        job.query_stride = group * dimension
        job.out = out.floats
        job.out_stride = group * dimension
        job.keys = UnsafeRawPointer(keys.raw)
        job.values = UnsafeRawPointer(values.raw)
        job.key_stride = stride
        job.value_stride = stride
        job.length = causal ? tokens.upperBound : length
        job.head_dimension = dimension
        job.group = group
        job.token_begin = tokens.lowerBound
        job.token_end = tokens.upperBound
        job.scale = 1 / Float(dimension).squareRoot()
        job.causal = causal
        job.window = window
        job.scratch = scratch.raw
        job.key_scales = scales.map { UnsafePointer($0.floats) }
        job.value_scales = job.key_scales
        slots.withUnsafeBufferPointer { slots in
            job.slots = slots.baseAddress
            family.functions.attention(&job)
        }
        #expect(scratch.isIntact && out.isIntact)
        return out
    }

    /// One query row in double precision.
    func exact(token: Int, head: Int, seen: Range<Int>) -> [Double] {
        let at = (token * group + head) * dimension
        let q = (0..<dimension).map { d -> Double in
            let x = query.floats[at + d]
            return Double(family.isBFloat16 ? rounded(x) : x)
        }
        let scores = seen.map { position in
            (0..<dimension).reduce(0.0) { $0 + q[$1] * number(keys, position: position, $1) }
                / Double(dimension).squareRoot()
        }
        let top = scores.max() ?? 0
        let weights = scores.map { exp($0 - top) }
        let sum = weights.reduce(0, +)
        return (0..<dimension).map { d in
            zip(seen, weights).reduce(0.0) { $0 + $1.1 * number(values, position: $1.0, d) } / sum
        }
    }

    func check(_ out: Memory, token: Int, seen: Range<Int>, _ comment: String) {
        // bfloat16 rounds softmax numerators to 8 bits; values are below 2.
        let bound = family.isBFloat16 ? 2 * 0x1p-8 : 4e-6
        for head in 0..<group {
            let expected = exact(token: token, head: head, seen: seen)
            for d in 0..<dimension {
                let y = Double(out.floats[(token * group + head) * dimension + d])
                #expect(abs(y - expected[d]) <= bound, "\(comment) token \(token) head \(head) dimension \(d)")
            }
        }
    }
}

@Suite struct AttentionTests {
    @Test(arguments: Family.all) func agreesWithDoublePrecision(_ family: Family) {
        for (length, dimension, group) in [(1, 16, 1), (5, 24, 3), (70, 64, 2), (129, 40, 1), (66, 128, 7)] {
            let scene = Scene(family, length: length, dimension: dimension, group: group, seed: UInt64(length))
            let out = scene.run(0..<length)
            for token in Set([0, length / 2, length - 1]) {
                scene.check(out, token: token, seen: 0..<token + 1, "length \(length)")
            }
        }
    }

    /// Blocks end at 64, spans at 1,024: a sequence that crosses both, decoded at its end.
    @Test(arguments: Family.all) func crossesSpans(_ family: Family) {
        let scene = Scene(family, length: 1_200, dimension: 16, group: 2, seed: 41)
        let out = scene.run(1_190..<1_200)
        scene.check(out, token: 1_190, seen: 0..<1_191, "two spans")
        scene.check(out, token: 1_199, seen: 0..<1_200, "two spans")
    }

    @Test(arguments: Family.all) func windows(_ family: Family) {
        let scene = Scene(family, length: 200, dimension: 16, group: 1, seed: 42)
        for window in [1, 7, 64, 100, 500] {
            let out = scene.run(0..<200, window: window)
            for token in [0, 63, 64, 130, 199] {
                scene.check(out, token: token, seen: max(0, token - window + 1)..<token + 1, "window \(window)")
            }
        }
    }

    @Test(arguments: Family.all) func encodersSeeEverything(_ family: Family) {
        let scene = Scene(family, length: 90, dimension: 32, group: 1, seed: 43)
        let out = scene.run(0..<90, causal: false)
        for token in [0, 45, 89] { scene.check(out, token: token, seen: 0..<90, "encoder") }
    }

    /// Bit for bit: one token at a time, in chunks of any size, or the whole prompt at once.
    @Test(arguments: Family.all, [0, 50]) func chunksDoNotMatter(_ family: Family, window: Int) {
        let scene = Scene(family, length: 150, dimension: 24, group: 3, seed: 44)
        let whole = scene.run(0..<150, window: window)
        var random = SeededRandom(seed: 45)
        for most in [1, 5, 40, 149] {
            let parts = Memory(floats: whole.count)
            var start = 0
            while start < 150 {
                let end = min(150, start + Int.random(in: 1...most, using: &random))
                _ = scene.run(start..<end, window: window, into: parts)
                start = end
            }
            #expect(parts.hasSameBits(as: whole), "chunks of up to \(most)")
        }
    }

    @Test(arguments: Family.all) func chunksDoNotMatterAcrossSpans(_ family: Family) {
        let scene = Scene(family, length: 1_100, dimension: 16, group: 1, seed: 46)
        let whole = scene.run(1_000..<1_100)
        let parts = Memory(floats: whole.count)
        for range in [1_000..<1_024, 1_024..<1_025, 1_025..<1_099, 1_099..<1_100] {
            _ = scene.run(range, into: parts)
        }
        #expect(parts.hasSameBits(as: whole))
    }

    /// Few rows of one token have a path of their own where dot products are instructions: the same bits as in a chunk.
    @Test(.enabled(if: Table.named("avx512bf16") != nil), arguments: [false, true])
    func oneTokenIsLikeMany(int8: Bool) throws {
        let family = Family.of(try #require(Table.named("avx512bf16")), bfloat16: true)
        for (length, dimension, group) in [
            (70, 64, 7), (129, 128, 4), (1_101, 64, 2), (90, 96, 3), (150, 64, 1), (65, 128, 6), (47, 32, 5),
            (200, 64, 8),
            (16, 256, 2), (130, 64, 9),
        ] {
            let scene = Scene(
                family, length: length, dimension: dimension, group: group, seed: UInt64(60 + group), int8: int8)
            let tokens = max(0, length - 70)..<length
            for window in [0, 1, 64, 75] {
                let whole = scene.run(tokens, window: window), parts = Memory(floats: whole.count)
                for token in tokens { _ = scene.run(token..<token + 1, window: window, into: parts) }
                #expect(parts.hasSameBits(as: whole), "\(length) x \(dimension), \(group) heads, window \(window)")
            }
            guard !int8 else { continue }
            scene.check(scene.run(length - 1..<length), token: length - 1, seen: 0..<length, "length \(length)")
        }
    }

    /// Where positions lie in the pool has no influence.
    @Test(arguments: Family.all) func rowsWithoutSlotsLieInOrder(_ family: Family) {
        let scene = Scene(family, length: 60, dimension: 16, group: 2, seed: 47)
        let width = scene.family.elementBytes * scene.stride
        let keys = Memory(floats: scene.keys.count), values = Memory(floats: scene.values.count)
        for (position, slot) in scene.slots.enumerated() {
            memcpy(keys.raw + position * width, scene.keys.raw + Int(slot) * width, width)
            memcpy(values.raw + position * width, scene.values.raw + Int(slot) * width, width)
        }
        let expected = scene.run(0..<60), out = Memory(floats: expected.count)
        let scratch = Memory(floats: family.functions.attention_scratch(120, 16) / 4)
        var job = apus_attention()
        job.query = UnsafePointer(scene.query.floats)
        job.query_stride = 32
        job.out = out.floats
        job.out_stride = 32
        job.keys = UnsafeRawPointer(keys.raw)
        job.values = UnsafeRawPointer(values.raw)
        job.key_stride = scene.stride
        job.value_stride = scene.stride
        job.length = 60
        job.head_dimension = 16
        job.group = 2
        job.token_end = 60
        job.scale = 0.25
        job.causal = true
        job.scratch = scratch.raw
        family.functions.attention(&job)
        #expect(out.hasSameBits(as: expected))
    }

    @Test func wideningSetsAgreeOnScores() {
        // The exponential is fused on all but scalar, everything else is one order of exact products.
        let tables = ["neon", "avx2", "avx512"].compactMap(Table.named)
        for bfloat16 in [false, true] {
            let results = tables.map { table in
                Scene(.of(table, bfloat16: bfloat16), length: 100, dimension: 32, group: 2, seed: 48).run(0..<100)
            }
            for result in results { #expect(result.hasSameBits(as: results[0])) }
        }
    }

    @Test(.enabled(if: Table.tiles != nil)) func tilesAreCloseToEmulatedTiles() throws {
        // The exponential is fused with AMX and not in the emulation: near, not equal.
        let hard = Scene(
            .of(try #require(Table.tiles), bfloat16: true), length: 100, dimension: 64, group: 7, seed: 49)
        let soft = Scene(
            .of(try #require(Table.named("amx-soft")), bfloat16: true), length: 100, dimension: 64, group: 7, seed: 49)
        let a = hard.run(0..<100).array, b = soft.run(0..<100).array
        #expect(zip(a, b).allSatisfy { abs($0 - $1) < 0x1p-8 })
    }
}
