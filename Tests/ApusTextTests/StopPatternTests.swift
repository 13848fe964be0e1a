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

    /// Python's `re.search` after each character: where it first finds something; 0: nowhere.
    @Test func looksAround() throws {
        let found: [(String, [(String, Int)])] = [
            (
                #"a(?=b)"#,
                [
                    ("\n\naaa", 0), ("\n..b.", 0), ("\n.bbb", 0), ("\naa", 0), ("\nabb", 3), (".\n\nb", 0),
                    ("..a.a", 0), (".abab", 3), ("a\na..", 0), ("a\nba", 0), ("a.\na\n", 0), ("a...a", 0), ("a.aab", 5),
                    ("a.aba", 4), ("a.ba", 0), ("aaa.b", 0), ("ab\na.", 2), ("ab.a\n", 2), ("b\na.b", 0), ("b\nba", 0),
                    ("b.\na\n", 0), ("b...", 0), ("b.bb.", 0), ("bab\nb", 3), ("bba", 0),
                ]
            ),
            (
                #"a(?!b)"#,
                [
                    ("\n\n", 0), ("\n\n.\na", 5), ("\n\n..b", 0), ("\nb.bb", 0), (".\n.aa", 4), (".\naba", 3),
                    ("...b", 0), (".aa.b", 2), (".baaa", 3), ("a\n\n\nb", 1), ("a\n\nb\n", 1), ("a.\n\nb", 1),
                    ("a...b", 1), ("a.b\na", 1), ("aa.\na", 1), ("aab\na", 1), ("b\n\nb\n", 0), ("b\na\n", 3),
                    ("b.ab\n", 3), ("ba\n\n\n", 2), ("ba\nb\n", 2), ("baaab", 2), ("baba\n", 2), ("bb.b", 0),
                    ("bbb..", 0),
                ]
            ),
            (
                #"(?<=a)b"#,
                [
                    ("\n..a\n", 0), ("\n.ba\n", 0), ("\naa..", 0), ("\nab.\n", 3), ("\nb.ab", 5), ("\nba\na", 0),
                    ("\nbb..", 0), (".\n\n.\n", 0), ("..b\n", 0), ("..b\n.", 0), (".b.b\n", 0), (".bbb", 0),
                    ("a\n...", 0), ("a\na\nb", 0), ("a.\n\n\n", 0), ("a..\n\n", 0), ("a.ba", 0), ("aa\n\n", 0),
                    ("aa.\n.", 0), ("aa..a", 0), ("aaba", 3), ("b..\n.", 0), ("bab.a", 3), ("bb\n\n\n", 0),
                    ("bba\n", 0),
                ]
            ),
            (
                #"(?<!a)b"#,
                [
                    ("\n\nb\n", 3), ("\na\n\na", 0), ("\na.a.", 0), (".\n.\n.", 0), (".\n...", 0), (".\nb\na", 3),
                    ("..aaa", 0), (".a\na.", 0), (".b\nab", 2), (".bbba", 2), ("a\n\n\n", 0), ("a\naaa", 0),
                    ("a\nba\n", 3), ("a.\nab", 0), ("a.\nba", 4), ("aa\nba", 4), ("aabb.", 4), ("aba\n.", 0),
                    ("abaa\n", 0), ("b\naba", 1), ("b.\n\n", 1), ("b..\nb", 1), ("ba..a", 1), ("bbaa\n", 1),
                    ("bbba\n", 1),
                ]
            ),
            (
                #"(?<=[.!?])\s"#,
                [
                    ("\na.\nb", 4), ("\naa", 0), ("\nbb\na", 0), (".\n\na\n", 2), (".\nb.b", 2), (".\nbb", 2),
                    ("..\na.", 3), (".aa.", 0), ("a\n\n.a", 0), ("a..\n.", 4), ("a....", 0), ("a..bb", 0), ("aa.ba", 0),
                    ("aaa.", 0), ("b\n.\nb", 4), ("b\nab.", 0), ("b..ba", 0), ("ba\n.", 0), ("ba..\n", 5),
                    ("baaa\n", 0), ("baaba", 0), ("bab", 0), ("bba\nb", 0), ("bbaab", 0), ("bbbb", 0),
                ]
            ),
            (
                #"\n(?!\n)"#,
                [
                    ("\na\n..", 1), ("\nabaa", 1), ("\nba..", 1), ("\nbba", 1), ("..", 0), ("..ab", 0), (".a..\n", 5),
                    (".b\n..", 3), (".b.\n", 4), (".b.b\n", 5), (".baab", 0), ("a\n\n.", 2), ("a\nbb", 2),
                    ("a...\n", 5), ("aaab.", 0), ("aaabb", 0), ("aab.", 0), ("ab.b", 0), ("abbba", 0), ("abbbb", 0),
                    ("b\nba\n", 2), ("b\nbb.", 2), ("b\nbba", 2), ("b.a\n", 4), ("bbba\n", 5),
                ]
            ),
            (
                #"(?<=a|\n)b$"#,
                [
                    ("\n\nb\n", 3), ("\n\nb\n.", 3), ("\n\nb\na", 3), ("\n.\nb.", 4), ("\na\n.\n", 0), ("\na.\na", 0),
                    ("\naa\n\n", 0), ("\nb..\n", 2), (".\nab\n", 4), ("..\na\n", 0), ("...", 0), (".aa\n\n", 0),
                    (".b.", 0), (".ba", 0), (".bbbb", 0), ("a\n\n\n\n", 0), ("a\n\n\nb", 5), ("a\nb\n.", 3),
                    ("ab\n.a", 2), ("aba\nb", 2), ("abab\n", 2), ("b..a\n", 0), ("b..ba", 0), ("ba..\n", 0),
                    ("baaa.", 0),
                ]
            ),
            (
                #"(?=a)a(?!a)$"#,
                [
                    ("\n\n\n\nb", 0), ("\n.\naa", 4), ("\n.a", 3), ("\naaa\n", 2), ("\nab\na", 2), ("\nb\n.", 0),
                    ("..\nb.", 0), ("..\nbb", 0), ("..b\nb", 0), (".a.\n", 2), (".a.\n\n", 2), (".a.ab", 2), (".b.", 0),
                    ("a\n.a\n", 1), ("a\n.ba", 1), ("a\nab\n", 1), ("a\nb.a", 1), ("a.aa.", 1), ("aa\n.a", 1),
                    ("ab\nbb", 1), ("abbb", 1), ("abbb\n", 1), ("b.\nbb", 0), ("ba.aa", 2), ("bbabb", 3),
                ]
            ),
            (
                #"(?<!b)$"#,
                [
                    ("\n\n\naa", 1), ("\n\n\nba", 1), ("\n.\nbb", 1), ("\naa\na", 1), ("\nab.a", 1), ("\nb.ab", 1),
                    (".\n.ab", 1), ("..\n", 1), ("..\n\na", 1), ("..\n.b", 1), ("...\n", 1), ("..a..", 1), (".baaa", 1),
                    ("a.\n\nb", 1), ("a.bab", 1), ("ab\nba", 1), ("abb\n.", 1), ("b\n\n\n", 2), ("b.a..", 2),
                    ("b.abb", 2), ("ba.ab", 2), ("baa\n\n", 2), ("baba", 2), ("bb\nab", 3), ("bbb.b", 4),
                ]
            ),
            (
                #"^(?!a)"#,
                [
                    ("\n.ab", 1), ("\nb\na.", 1), ("\nb\nb", 1), ("\nb.a.", 1), (".\n\naa", 1), (".\n.b", 1),
                    (".\na.b", 1), ("..aaa", 1), (".a.\nb", 1), ("a\n", 0), ("a\n.\n.", 0), ("a\nb.", 0), ("a.ba.", 0),
                    ("aa.a.", 0), ("aaaa\n", 0), ("aab.", 0), ("ab\n", 0), ("ab\n\n.", 0), ("ab.a.", 0), ("abb.a", 0),
                    ("b\n.\na", 1), ("b.\nb\n", 1), ("b.a\n.", 1), ("b.bb\n", 1), ("b.bba", 1),
                ]
            ),
            (
                #"(?:a(?=b)|b(?=a))+b"#,
                [
                    ("\n\nbbb", 0), ("\n.\na\n", 0), ("\n.b\n.", 0), ("\na\n", 0), ("\na.aa", 0), ("\nb.ab", 5),
                    ("\nba.", 0), (".\na\nb", 0), ("..b.", 0), (".a\n", 0), (".a\n\n.", 0), (".a\n\na", 0),
                    (".a\na", 0), (".aba.", 3), (".b\n.b", 0), ("a\n.\n\n", 0), ("aaaa", 0), ("aab", 3), ("ab\nb", 2),
                    ("aba\nb", 2), ("b\nba\n", 0), ("ba..", 0), ("ba.b", 0), ("baa.a", 0), ("bbbab", 5),
                ]
            ),
            (
                #"(?<![ab])(?=[ab]).(?<=a)"#,
                [
                    ("\n\nbaa", 0), ("\n.abb", 3), ("\na\nba", 2), ("\na.\nb", 2), ("\nba.b", 0), ("\nbb\n", 0),
                    (".\n\na.", 4), (".\n.a.", 4), ("..aba", 3), (".aaba", 2), ("a\na\n\n", 1), ("a.bb", 1),
                    ("aa..b", 1), ("abbaa", 1), ("b\n.\n", 0), ("b\n.\na", 5), ("b\nb\nb", 0), ("b....", 0),
                    ("b.ab.", 3), ("b.b..", 0), ("ba\n\n", 0), ("ba\n\nb", 0), ("babb", 0), ("bb\n\n", 0),
                    ("bb.a\n", 4),
                ]
            ),
            (
                #"(?!b)\b"#,
                [
                    ("\n\n\naa", 4), ("\n\na.", 3), ("\n\naaa", 3), ("\n\nbaa", 3), ("\na.\n", 2), ("\naa.b", 2),
                    ("\nb.\n", 2), ("..\nb", 4), ("..b\n.", 3), (".a\na.", 2), (".aa\na", 2), (".aaab", 2),
                    (".b.\n\n", 2), (".b.b", 2), ("a\n..b", 1), ("aaaa\n", 1), ("aaabb", 1), ("aabbb", 1),
                    ("b\n\nbb", 1), ("b.", 1), ("ba\n\n\n", 1), ("babb.", 1), ("bb", 1), ("bb\nab", 1), ("bba\na", 1),
                ]
            ),
            (
                #"(?=(?i:B)).a"#,
                [
                    ("\n\n.\nb", 0), ("\n\na\n.", 0), ("\n.\nab", 0), ("\n.bb\n", 0), ("\na.a\n", 0), ("\na.bb", 0),
                    ("\nb\n\na", 0), (".", 0), (".\n\n..", 0), (".\na.a", 0), (".\nb.a", 0), (".\nba.", 4),
                    (".a.b.", 0), (".aab\n", 0), ("a\n\na\n", 0), ("a\naab", 0), ("aab.b", 0), ("ab\na", 0),
                    ("b\nab\n", 0), ("b..b\n", 0), ("b.a.\n", 0), ("ba\n.b", 2), ("baaba", 2), ("bab.", 2),
                    ("bab.b", 2),
                ]
            ),
        ]
        for (pattern, texts) in found {
            for (text, expected) in texts { #expect(try end(pattern, text) ?? 0 == expected, "\(pattern) in \(text)") }
        }
        #expect(throws: RegexError.self) { try StopPattern("a(?=bc)") }
        #expect(throws: RegexError.self) { try StopPattern("(?<=bc)a") }
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
