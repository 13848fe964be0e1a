import ApusTestSupport
import Testing

@testable import ApusModels

struct TextGroupsTests {
    private func rows(_ lengths: [Int]) -> [Range<Int>] {
        var end = 0
        return lengths.map { length in
            defer { end += length }
            return end..<end + length
        }
    }

    private func groups(_ lengths: [Int], threads: Int) -> [Range<Int>]? {
        TextGroups(rows(lengths), threads: threads)?.groups
    }

    @Test func equalTextsAreSharedOut() {
        #expect(groups(Array(repeating: 32, count: 8), threads: 2) == [0..<4, 4..<8])
        #expect(groups(Array(repeating: 32, count: 24), threads: 2) == [0..<6, 6..<12, 12..<18, 18..<24])
        #expect(groups([512, 512], threads: 2) == [0..<1, 1..<2])
    }

    @Test func fewRowsAndUnequalTextsAreWorkedOnTogether() {
        #expect(groups([], threads: 2) == nil)
        #expect(groups([32], threads: 2) == nil)
        #expect(groups([32, 32], threads: 2) == nil)
        #expect(groups([512], threads: 2) == nil)
        #expect(groups([512, 512, 512], threads: 2) == nil)
        #expect(groups([512] + Array(repeating: 8, count: 20), threads: 2) == nil)
        #expect(groups(Array(repeating: 32, count: 64), threads: 1) == nil)
    }

    /// All texts once and in order; no thread has much more to do than its share.
    @Test func groupsAreCompleteAndFair() {
        var random = SeededRandom(seed: 4)
        var found = 0
        for _ in 0..<2000 {
            let threads = Int.random(in: 2...9, using: &random)
            let lengths = (0..<Int.random(in: 1...80, using: &random)).map { _ in
                Int.random(in: 1...200, using: &random)
            }
            guard let groups = groups(lengths, threads: threads) else { continue }
            found += 1
            #expect(groups.first?.lowerBound == 0 && groups.last?.upperBound == lengths.count)
            for (group, next) in zip(groups, groups.dropFirst()) { #expect(group.upperBound == next.lowerBound) }
            #expect(groups.allSatisfy { !$0.isEmpty })
            let total = lengths.reduce(0, +)
            #expect(groups.map { lengths[$0].reduce(0, +) }.max() ?? 0 <= total * 9 / 8 / threads)
        }
        #expect(found > 500)
    }
}
