import ApusTestSupport
import Testing

@testable import apus_bench

@Suite struct EventStreamTests {
    private let stream = Array("data: one\n\ndata:two\r\n\r\n: comment\ndata: a\ndata: b\n\ndata: [DONE]\n\n".utf8)

    @Test func eventsAreCutAtBlankLines() {
        var events = EventStream()
        #expect(
            events.events(in: stream).map { String(decoding: $0, as: UTF8.self) } == ["one", "two", "a\nb", "[DONE]"])
    }

    @Test func anyCutOfTheBytesGivesTheSameEvents() {
        var whole = EventStream()
        let expected = whole.events(in: stream)
        var random = SeededRandom(seed: 5)
        for _ in 0..<200 {
            var events = EventStream()
            var found: [[UInt8]] = []
            var rest = stream[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...7, using: &random)
                found += events.events(in: rest.prefix(count))
                rest = rest.dropFirst(count)
            }
            #expect(found == expected)
        }
    }
}
