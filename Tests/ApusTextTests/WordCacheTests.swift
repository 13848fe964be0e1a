import ApusTestSupport
import Testing

@testable import ApusText

@Suite struct WordCacheTests {
    /// Whatever it has forgotten, it never answers with other ids; what was stored last is there.
    @Test func answersRightlyOrNotAtAll() {
        var random = SeededRandom(seed: 3)
        var cache = WordCache()
        var recent: [[UInt8]] = []
        var hits = 0
        for round in 0..<30_000 {
            let word =
                round % 3 > 0 && !recent.isEmpty
                ? recent.randomElement(using: &random)!
                : random.bytes(count: Int.random(in: 1...WordCache.maximumWordLength, using: &random))
            recent = recent.suffix(200) + [word]
            // The ids of a word are a matter of the word alone.
            let ids = word.indices.map { Int32(word[$0]) << 8 | Int32(word.count - $0) }
            word.withUnsafeBufferPointer { word in
                var found: [Int32] = []
                if cache.append(word, to: &found) {
                    hits += 1
                    #expect(found == ids)
                }
                cache.store(word, ids[...])
                found = []
                #expect(cache.append(word, to: &found) && found == ids)
            }
        }
        #expect(hits > 5000)
    }
}
