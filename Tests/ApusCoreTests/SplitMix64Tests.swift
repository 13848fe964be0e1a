import ApusCore
import Testing

@Suite struct SplitMix64Tests {
    /// First outputs for seed 1234567, as the authors' C reference prints them.
    @Test func firstOutputsAreTheReferences() {
        var generator = SplitMix64(seed: 1_234_567)
        let expected: [UInt64] = [
            6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
        ]
        #expect(expected.map { _ in generator.next() } == expected)
    }

    @Test func equalSeedsGiveEqualSequences() {
        var one = SplitMix64(seed: 7)
        var other = SplitMix64(seed: 7)
        var third = SplitMix64(seed: 8)
        let values = (0..<100).map { _ in one.next() }
        #expect(values == (0..<100).map { _ in other.next() })
        #expect(values != (0..<100).map { _ in third.next() })
    }
}
