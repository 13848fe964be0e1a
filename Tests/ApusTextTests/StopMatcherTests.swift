import ApusCore
import Testing

@testable import ApusText

@Suite struct StopMatcherTests {
    private func firstIndex(of needle: [UInt8], in text: [UInt8]) -> Int? {
        guard text.count >= needle.count else { return nil }
        return (0...(text.count - needle.count)).first { text[$0...].starts(with: needle) }
    }

    @Test func agreesWithSearchingTheWholeTextAfterEachPiece() {
        var generator = SplitMix64(seed: 23)
        func word(_ most: UInt64) -> String {
            String((0..<1 + generator.next() % most).map { _ in "abé".randomElement(using: &generator)! })
        }
        var matches = 0
        for round in 0..<3000 {
            let stops = (0..<1 + generator.next() % 4).map { _ in word(5) }
            var matcher = StopMatcher(stops)
            var text: [UInt8] = []
            for _ in 0..<12 {
                let piece = word(3)
                text += piece.utf8
                let found = matcher.append(piece)
                let expected = stops.enumerated().lazy.compactMap { index, stop in
                    self.firstIndex(of: Array(stop.utf8), in: text).map {
                        StopMatcher.Match(stop: stop, index: index, start: $0, end: $0 + stop.utf8.count)
                    }
                }.first
                #expect(found == expected, "round \(round): \(stops)")
                if found != nil {
                    matches += 1
                    break
                }
                let held = (0...text.count).first { start in stops.contains { $0.utf8.starts(with: text[start...]) } }
                #expect(matcher.heldByteCount == text.count - (held ?? text.count))
            }
        }
        #expect(matches > 1000 && matches < 2950)
    }

    @Test func anEmptyStopMatchesTheFirstPiece() {
        var matcher = StopMatcher(["x", ""])
        #expect(matcher.append("") == StopMatcher.Match(stop: "", index: 1, start: 0, end: 0))
        var other = StopMatcher(["x", ""])
        #expect(other.append("x")?.stop == "x")
    }

    @Test func comparesBytes() {
        var matcher = StopMatcher(["é"])
        #expect(matcher.append("e\u{301}") == nil)
        #expect(matcher.append("\u{E9}")?.start == 3)
    }

    /// Linear, however long the strings and however much of them repeats: a quadratic search would not come back.
    @Test func longStopsAreCheap() {
        let run = String(repeating: "a", count: 100_000)
        var matcher = StopMatcher([run + "b"])
        for _ in 0..<3 { #expect(matcher.append(run) == nil) }
        #expect(matcher.heldByteCount == 100_000)
        #expect(matcher.append("b")?.start == 200_000)
    }
}
