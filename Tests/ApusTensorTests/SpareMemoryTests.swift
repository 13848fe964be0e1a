import ApusCore
import Testing

@testable import ApusTensor

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct SpareMemoryTests {
    private let page = AlignedBuffer.hugePage

    @Test func freedBuffersServeOthersOfTheirSize() throws {
        let spare = SpareMemory()
        var first: AlignedBuffer? = try AlignedBuffer(byteCount: 5 * page, from: spare)
        let small = try AlignedBuffer(byteCount: page - 1, from: spare)
        let address = first?.base
        first?.base.storeBytes(of: 7, toByteOffset: 4 * page, as: UInt8.self)
        #expect(spare.byteCount == 0)
        first = nil
        #expect(spare.byteCount == 5 * page)
        let other = try AlignedBuffer(byteCount: 4 * page, from: spare)
        #expect(other.base != address && other.base.load(fromByteOffset: 3 * page, as: UInt8.self) == 0)
        let second = try AlignedBuffer(byteCount: 5 * page, from: spare)
        #expect(second.base == address && second.base.load(fromByteOffset: 4 * page, as: UInt8.self) == 7)
        #expect(spare.byteCount == 0 && small.byteCount == page - 1)
    }

    @Test func memoryGoesBackLittleByLittle() throws {
        let spare = SpareMemory()
        do {
            let buffers = try (0..<2).map { _ in try AlignedBuffer(byteCount: 3 * page + 100, from: spare) }
            for buffer in buffers { memset(buffer.base, 1, buffer.byteCount) }
        }
        let whole = spare.byteCount
        #expect(whole > 6 * page)
        var left: [Int] = []
        while spare.byteCount > 0, left.count < 100 {
            spare.giveBack(page)
            left.append(spare.byteCount)
        }
        #expect(zip([whole] + left, left).allSatisfy { $0 - $1 >= page || $1 == 0 })
        #expect(zip([whole] + left, left).allSatisfy { $0 - $1 < 2 * page })
        do { _ = try AlignedBuffer(byteCount: 3 * page + 100, from: spare) }
        spare.giveBack(page)
        // A part that went is there again, zeroed.
        let buffer = try AlignedBuffer(byteCount: 3 * page + 100, from: spare)
        #expect(buffer.base.load(fromByteOffset: 3 * page, as: UInt8.self) == 0 && spare.byteCount == 0)
    }

    @Test func matricesOfExpertsAreKeptToo() throws {
        let spare = SpareMemory()
        var buffers = try (0..<40).map { _ in try AlignedBuffer(byteCount: 1_441_792, from: spare) }
        let addresses = Set(buffers.map(\.base))
        _ = try AlignedBuffer(byteCount: 4096, from: spare)
        #expect(spare.byteCount == 0)
        buffers = []
        #expect(spare.byteCount == 40 * 1_441_792)
        buffers = try (0..<30).map { _ in try AlignedBuffer(byteCount: 1_441_792, from: spare) }
        #expect(spare.byteCount == 10 * 1_441_792 && addresses.isSuperset(of: buffers.map(\.base)))
        spare.giveBack(4 << 20)
        #expect(spare.byteCount == 7 * 1_441_792)
        spare.giveBackAll()
        #expect(spare.byteCount == 0)
        // Neither is taken for the other at the size where mapping begins.
        for byteCount in [page - 64, page - 63, page, page + 1] {
            for _ in 0..<2 {
                let buffer = try AlignedBuffer(byteCount: byteCount, from: spare)
                memset(buffer.base, 1, byteCount)
            }
        }
        spare.giveBackAll()
    }

    @Test func whatWasNotWrittenToIsNotSpare() throws {
        let spare = SpareMemory()
        do {
            let buffer = try AlignedBuffer(byteCount: 8 * page, from: spare)
            memset(buffer.base, 1, 4096)
            buffer.noteGaps()
        }
        #expect(spare.byteCount >= 4096 && spare.byteCount <= page)
        _ = try AlignedBuffer(byteCount: 8 * page, from: spare)
        #expect(spare.byteCount == 8 * page)
    }

    /// What memory held before shows nowhere in what is packed into it.
    @Test(arguments: [
        PackedWeight.Format.float32, .bfloat16, .int8, .int4(groupSize: 32), .int4(groupSize: 128),
    ])
    func packingLeavesNothingOfTheOldBytes(format: PackedWeight.Format) throws {
        let (outputs, inputs) = (4_009, 1_216)
        let numbers = try AlignedBuffer(byteCount: outputs * inputs * 4)
        for index in 0..<inputs { numbers.floats[index] = Float(index * 37 % 101) - 50 }
        for row in 1..<outputs { memcpy(numbers.floats + row * inputs, numbers.floats + row % 7, inputs * 4 - 28) }
        for kernels in TensorRuntime.availableKernels {
            let spare = SpareMemory()
            func build() throws -> PackedWeight {
                var builder = PackedWeight.Builder(inputs: inputs, format: format)
                builder.append(
                    PackedWeight.Source(
                        base: UnsafeRawPointer(numbers.base), element: .float32, outputs: outputs, rowStride: inputs))
                return try builder.build(
                    TensorRuntime(threads: 2, kernels: kernels, spare: spare), pieceByteCount: 100_000)
            }
            let fresh = try build()
            do {
                let old = try AlignedBuffer(byteCount: fresh.buffer.byteCount, from: spare)
                memset(old.base, 0xA5, old.byteCount)
            }
            #expect(spare.byteCount > 0)
            let again = try build()
            #expect(spare.byteCount == 0)
            #expect(memcmp(fresh.buffer.base, again.buffer.base, fresh.buffer.byteCount) == 0, "\(kernels)")
        }
    }
}
