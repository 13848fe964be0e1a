import ApusGrammar
import Testing

@Suite("Sets of Unicode scalars")
struct ScalarSetTests {
    @Test("ranges are merged and never hold surrogates")
    func merging() {
        let set = ScalarSet([0x61...0x63, 0x64...0x66, 0x41...0x41, 0xD000...0xE010])
        #expect(set.ranges == [0x41...0x41, 0x61...0x66, 0xD000...0xD7FF, 0xE000...0xE010])
    }

    @Test("a set and its inverse hold every scalar once")
    func inverse() {
        let set = ScalarSet([0x30...0x39, 0x4E00...0x9FFF])
        let all: ClosedRange<UInt32> = 0...0x10FFFF
        for value in stride(from: all.lowerBound, through: all.upperBound, by: 7) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            #expect(set.contains(scalar) != set.inverted.contains(scalar))
        }
        #expect(set.inverted.inverted == set)
        #expect(ScalarSet.all.inverted.ranges.isEmpty)
    }
}
