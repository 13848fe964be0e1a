import ApusCore
import ApusJSON
import ApusRegex
import ApusTestSupport
import Testing

@testable import ApusGrammar

@Suite struct RegexFrontEndTests {
    /// regexes.json: the texts that Python's `re.fullmatch` takes.
    @Test func agreesWithPython() throws {
        let golden = try GrammarFixtures.json("regexes.json")
        let texts = try #require(golden["texts"]?.arrayValue).compactMap(\.stringValue)
        let rows = try #require(golden["patterns"]?.arrayValue)
        #expect(rows.count > 60)
        for row in rows {
            let pattern = try #require(row[0]?.stringValue)
            let expected = try #require(row[1]?.stringValue)
            let grammar = try GrammarSource(.regex, pattern).grammar()
            let found = texts.map { ReferenceMatcher.accepts($0, grammar) ? "1" : "0" }.joined()
            for (index, (one, other)) in zip(expected, found).enumerated() where one != other {
                Issue.record("\(pattern) on \(JSONValue.string(texts[index])): expected \(one)")
            }
        }
    }

    @Test func classesAreThoseOfPython() throws {
        let golden = try #require(try GrammarFixtures.json("regexes.json")["classes"]?.objectValue)
        for member in golden {
            let expected = try #require(member.value.arrayValue).map { pair in
                UInt32(pair[0]?.intValue ?? 0)..<UInt32(pair[1]?.intValue ?? 0) + 1
            }
            var parser = RegexParser(member.key, syntax: .python)
            guard case .set(let set) = try parser.parse() else {
                Issue.record("\(member.key) is no set")
                continue
            }
            #expect(set.intersection(CodePointRanges([0..<0x500])).ranges == expected, "\(member.key)")
        }
    }

    @Test(arguments: [
        ("(?=a)b", "look-ahead"), ("(?!a)b", "look-ahead"), ("(?<=a)b", "look-behind"), ("(?<!a)b", "look-behind"),
        (#"(a)\1"#, "back reference"), ("(?P<n>a)(?P=n)", "back reference"), ("(?>a)", "atomic"), ("a*+", "possessive"),
        ("(a)?(?(1)a|b)", "back reference"), ("(?(1)a|b)(c)", "condition"),
        ("(?(1)a|b)", "no group 1"), (#"\ba"#, "word border"), ("a^b", "anchor"), ("(a$)*b", "anchor"),
        (#"\p{L}"#, #"'\p'"#), ("(?L)a", "flag"), ("a**", "repetition of a repetition"), ("(", "unclosed"),
        ("[b-a]", "bad range"), (#"\N{DASH}"#, "by its name"), ("((a{999}){999}){999}", "multiply"),
        ("*", "nothing to repeat"),
    ])
    func refusesByName(_ pattern: String, _ reason: String) throws {
        let found = try #require(refusal(.regex, pattern), "\(pattern) is not refused")
        #expect(found.contains(reason), "\(pattern): \(found)")
    }

    /// What is derived is accepted, and nothing in it leads astray.
    @Test func derivesWhatItAccepts() throws {
        var random = SeededRandom(seed: 5)
        for pattern in [#"\w+@[a-z]{2,5}(\.[a-z]{2,3}){1,2}"#, "(a|b)*c{0,3}", #"[^"\\]{3}é?"#] {
            let grammar = try GrammarSource(.regex, pattern).grammar()
            let derivation = Derivation(grammar)
            for _ in 0..<20 {
                let text = derivation.text(effort: 30, using: &random)
                #expect(ReferenceMatcher.accepts(text, grammar), "\(pattern): \(text)")
            }
        }
    }
}
