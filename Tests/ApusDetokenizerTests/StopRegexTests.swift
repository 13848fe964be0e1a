import ApusCore
import ApusText
import ApusWire
import Testing

@testable import ApusDetokenizer

/// Streams that a regular expression ends.
@Suite struct StopRegexTests {
    private func run(_ text: String, stops: [String] = [], regexes: [String]) throws -> Harness.Reply {
        var harness = Harness(try TinyTokenizer.make())
        let opening = opening(stops: stops, regexes: regexes)
        for update in updates(TinyTokenizer.bytes(text), opening: opening, finish: .length(1000), sizes: { 1 }) {
            try harness.apply(update)
        }
        return try #require(harness.replies["r"])
    }

    /// What matched stays, and nothing behind it comes.
    @Test func theTextEndsWithTheMatch() throws {
        let reply = try run("call 555-1234 now", regexes: ["x+", #"\d{3}-\d{4}"#])
        #expect(reply.string == "call 555-1234")
        #expect(reply.finish == .stopRegex(#"\d{3}-\d{4}"#))
        #expect(reply.ids.count == 13 && reply.usage.completionTokens == 13)
    }

    @Test func stringsComeFirst() throws {
        let reply = try run("abc", stops: ["b"], regexes: ["ab"])
        #expect(reply.string == "a" && reply.finish == .stopString("b"))
        let other = try run("abc", stops: ["c"], regexes: ["b$"])
        #expect(other.string == "ab" && other.finish == .stopRegex("b$"))
    }

    /// The prompt is not searched.
    @Test func theTextBeginsWithTheOutput() throws {
        let reply = try run("Hi!", regexes: ["^i", ": H"])
        #expect(reply.string == "Hi!" && reply.finish == .length(1000))
    }

    /// What Python would look for until tomorrow ends this request with an error, and only this one.
    @Test func patternsThatTakeTooLongEndTheRequest() throws {
        let pattern = #"(a+)+b\1"#
        let reply = try run(String(repeating: "a", count: 200), regexes: [pattern])
        #expect(
            reply.finish
                == .refused("stop_regex '\(pattern)' takes too long to look for in this output.", status: 400))
        #expect(try run("one one", regexes: [#"(\w+) \1"#]).finish == .stopRegex(#"(\w+) \1"#))
        #expect(try run("ab ba", regexes: [#"(?<=ab )b(?!c)"#]).string == "ab b")
    }
}
