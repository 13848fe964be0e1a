import ApusJSON
import ApusRegex
import Foundation
import Testing

@testable import ApusText

@Suite struct StopPatternTests {
    /// regexes.json: the texts in which Python's `re.search` finds a pattern; here they come in one piece.
    @Test func findsWhatPythonFinds() throws {
        let golden = try JSONValue(parsing: TokenizerFixtures.bytes("../grammar/regexes.json"))
        let texts = try #require(golden["texts"]?.arrayValue).compactMap(\.stringValue)
        for row in try #require(golden["patterns"]?.arrayValue) {
            let pattern = try #require(row[0]?.stringValue)
            let expected = try #require(row[2]?.stringValue)
            for (text, expectation) in zip(texts, expected) {
                var search = try StopPattern(pattern)
                var budget = StepBudget()
                let finding = search.append(text, &budget)
                #expect(finding == (expectation == "1" ? .match : .nothing), "\(pattern) in \(JSONValue.string(text))")
            }
        }
    }

    /// The number of scalars, one a piece, after which a match is there; nil: never.
    private func end(_ pattern: String, _ text: String) throws -> Int? { try end(try StopPattern(pattern), text) }

    private func end(_ pattern: StopPattern, _ text: String) throws -> Int? {
        var search = pattern
        var budget = StepBudget()
        for (index, scalar) in text.unicodeScalars.enumerated() {
            budget.grow()
            switch search.append(String(scalar), &budget) {
            case .match: return index + 1
            case .nothing: continue
            case .gaveUp: throw GaveUp(after: index + 1)
            }
        }
        return nil
    }

    private struct GaveUp: Error {
        let after: Int
    }

    @Test func pieceByPiece() throws {
        #expect(try end("b+c", "abbbc") == 5)
        #expect(try end(#"\d{3}"#, "12 345 6") == 6)
        #expect(try end("^b", "ab") == nil)
        #expect(try end("a$", "ba") == 2)
        #expect(try end(#"foo\b"#, "foo") == 3)
        #expect(try end(#"foo\Bx"#, "a foox") == 6)
        #expect(try end("(?m)^x$", "a\nx\nb") == 3)
        #expect(try end("", "a") == 1)
        #expect(try end("é|漢", "x漢") == 2)
    }

    /// stops.json: after how many characters Python's `re.search` first finds a pattern in what there is of a text, and
    /// which patterns it refuses.
    @Test func findsAndRefusesWhatPythonDoes() throws {
        let golden = try JSONValue(parsing: TokenizerFixtures.bytes("../regex/stops.json"))
        let texts = try #require(golden["texts"]?.arrayValue).compactMap(\.stringValue)
        for row in try #require(golden["patterns"]?.arrayValue) {
            let pattern = try #require(row[0]?.stringValue)
            let expected = try #require(row[1]?.stringValue)
            guard !expected.isEmpty else {
                #expect(throws: RegexError.self, "\(pattern)") { try StopPattern(pattern) }
                continue
            }
            let search = try StopPattern(pattern)
            let found = try texts.map { String(try end(search, $0) ?? 0, radix: 36) }.joined()
            #expect(found == expected, "\(pattern)")
        }
    }

    /// Patterns that take exponential time elsewhere.
    @Test func hostilePatternsAreHarmless() throws {
        let text = String(repeating: "a", count: 2_000)
        #expect(try end("(a+)+b", text) == nil)
        #expect(try end("(a|aa)*c", text) == nil)
        #expect(throws: RegexError.self) { try StopPattern("(((abc){99}){99}){99}") }
        #expect(throws: RegexError.self) { try StopPattern(#"((((a)\4bc){99}){99}){99}"#) }
        #expect(throws: RegexError.self) { try StopPattern("a(") }
    }

    /// Nothing, as often as one likes, is no way to keep a thread busy.
    @Test(arguments: [
        #"(a)\1(?:(?:(?:){999999}){999999}){999999}"#, "(?:(?:){999999}){999}Q", #"(?:\b\b\b\b\b\b){999999}Q"#,
        #"(a)\1(?:(?:(?:ab){0}){999999}){999999}"#,
    ])
    func repeatedNothingIsRefused(pattern: String) {
        #expect(throws: RegexError.self) { try StopPattern(pattern) }
    }

    /// The way back to where a look behind begins is work too.
    @Test func looksFarBehindAreWork() throws {
        let text = String(repeating: "a", count: 2_000)
        #expect(throws: GaveUp.self) { try end(#"(?s)\A.*(?<=Q.{1000})"#, text) }
    }

    /// Those that go back are given up on, and not before the time.
    @Test func whatTakesTooLongEnds() throws {
        let text = String(repeating: "a", count: 2_000)
        for pattern in [#"(a+)+b\1"#, "(?=(a+)+b)b"] {
            let error = try #require(throws: GaveUp.self) { try end(pattern, text) }
            #expect((10...1_000).contains(error.after), "\(pattern)")
        }
        // Each word is looked at once, each line as long as it is open.
        let words = (0..<300).map { "word\($0) " }.joined()
        #expect(try end(#"\b(\w+) \1\b"#, words) == nil)
        #expect(try end(#"\b(\w+) \1\b"#, words + "x x") == words.count + 3)
        #expect(try end(#"(?<=\n\n)(?=END)"#, words + "\n\nEND") == words.count + 5)
    }

    /// A deep pattern neither overruns the stack nor takes long.
    @Test func deepPatterns() throws {
        let deep = String(repeating: "(", count: 90) + "a" + String(repeating: ")", count: 90)
        #expect(try end(deep + #"\90"#, "baa") == 3)
        #expect(throws: RegexError.self) {
            try StopPattern(String(repeating: "(", count: 128) + String(repeating: ")", count: 128))
        }
    }
}
