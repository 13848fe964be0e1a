import ApusJSON
import Testing

@testable import ApusText

@Suite struct RegexTests {
    /// patterns.json: the pieces that Oniguruma makes of texts.
    @Test func agreesWithOniguruma() throws {
        let golden = try JSONValue(parsing: TokenizerFixtures.bytes("patterns.json"))
        let texts = golden["texts"]?.arrayValue?.compactMap(\.stringValue) ?? []
        let rows = golden["patterns"]?.arrayValue ?? []
        #expect(rows.count > 50)
        for row in rows {
            let pattern = try #require(row[0]?.stringValue)
            let regex = try Regex(pattern)
            for (index, text) in texts.enumerated() {
                let expected = try #require(row[1]?[index]?.arrayValue).compactMap(\.stringValue)
                #expect(pieces(regex, text) == expected, "\(pattern) on \(JSONValue.string(text))")
            }
        }
    }

    private func pieces(_ regex: Regex, _ text: String) -> [String] {
        let bytes = Array(text.utf8)
        let matches = bytes.withUnsafeBufferPointer { StagePattern.regex(regex).matches(in: $0) }
        var result: [String] = []
        SplitBehavior.isolated.split(count: bytes.count, matches: matches) { range in
            if !range.isEmpty { result.append(String(decoding: bytes[range], as: UTF8.self)) }
        }
        return result
    }

    @Test(arguments: [
        #"\1"#, #"(?<name>a)"#, #"\p{Greek}"#, #"\pL"#, "[[:alpha:]]", "(a", "a)", "[a", #"\"#, "*a", "(?m:a)",
        "(?<=ab)c",
        #"\h"#, "a{3,2}", "a{x", "(?i:é)", #"\p{L"#, "[b-a]", "^*", #"\xZZ"#, #"\G"#, #"a\Z"#, #"\X"#,
    ])
    func refusesWhatItDoesNotKnow(_ pattern: String) {
        #expect(throws: TextError.self) { try Regex(pattern) }
    }

    @Test func boundsDepthAndSize() {
        #expect(throws: TextError.self) { try Regex(String(repeating: "(", count: 5000)) }
        #expect(throws: TextError.self) { try Regex(String(repeating: "[", count: 5000)) }
        #expect(throws: TextError.self) { try Regex("(?:(?:(?:ab){999}){999}){999}") }
    }

    /// Long runs take an entry of the stack, not one for each character.
    @Test func longRunsMatch() throws {
        let spaces = String(repeating: " ", count: 50_000)
        #expect(pieces(try Regex(#"\s+(?!\S)|\s+"#), spaces + "a") == [String(spaces.dropLast()), " ", "a"])
        #expect(pieces(try Regex("(?:ab)+"), String(repeating: "ab", count: 20_000)).count == 1)
    }
}
