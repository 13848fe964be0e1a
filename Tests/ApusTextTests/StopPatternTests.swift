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
                #expect(search.append(text) == (expectation == "1"), "\(pattern) in \(JSONValue.string(text))")
            }
        }
    }

    /// The number of characters, one a piece, after which a match is there; nil: never.
    private func end(_ pattern: String, _ text: String) throws -> Int? {
        var search = try StopPattern(pattern)
        for (index, character) in text.enumerated() where search.append(String(character)) { return index + 1 }
        return nil
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

    /// Patterns that take exponential time elsewhere.
    @Test func hostilePatternsAreHarmless() throws {
        let text = String(repeating: "a", count: 2_000)
        #expect(try end("(a+)+b", text) == nil)
        #expect(try end("(a|aa)*c", text) == nil)
        #expect(throws: RegexError.self) { try StopPattern("((a{99}){99}){99}") }
        #expect(throws: RegexError.self) { try StopPattern("a(") }
    }
}
