import ApusCore
import ApusJSON
import Testing

@testable import ApusGrammar

/// Sources that would take a front end long, or deep.
@Suite struct LimitTests {
    private static let sources: [GrammarSource] = [
        GrammarSource(.json, #"{"type":"object","properties":{"a":{"pattern":"^[a-z]+$","maxLength":4}}}"#),
        GrammarSource(.json, #"{"enum":[1,2],"not":{"const":2}}"#),
        GrammarSource(.regex, #"[\w]+(a|b){2}"#),
        GrammarSource(.ebnf, #"root ::= "a" [b-d]*"#),
        GrammarSource(
            .structuralTag,
            #"{"type":"structural_tag","format":{"type":"sequence","elements":[{"type":"regex","pattern":"a"}]}}"#),
    ]

    @Test(arguments: sources) func timeEnds(_ source: GrammarSource) throws {
        #expect(throws: GrammarError.timedOut) { try source.grammar(limit: CompilationLimit(seconds: -1)) }
        let cancelled = CompilationLimit()
        cancelled.cancel()
        #expect(throws: GrammarError.cancelled) { try source.grammar(limit: cancelled) }
        _ = try source.grammar()
    }

    @Test func repetitionsOfRepetitionsEnd() {
        #expect(refusal(.ebnf, #"root ::= "a""# + String(repeating: "*", count: 200_000)) != nil)
        #expect(refusal(.ebnf, #"root ::= "a"*{2}?+"#) == nil)
    }

    @Test func longNamesAndPatternsAreRefused() {
        let name = String(repeating: "k", count: 20_000)
        #expect(refusal(.json, #"{"properties":{"\#(name)":{"type":"null"}}}"#)?.contains("too long") == true)
        #expect(refusal(.regex, String(repeating: "a", count: 200_000))?.contains("longer than") == true)
    }

    /// Rules in any order, helpers first or last.
    @Test func orderOfRulesDoesNotMatter() throws {
        let rules = (0..<400).map { "r\($0) ::= r\($0 + 1)" } + [#"r400 ::= "a""#]
        for rules in [rules, rules.reversed()] {
            #expect(try accepts(.ebnf, (["root ::= r0"] + rules).joined(separator: "\n"), "a"))
        }
    }

    @Test func objectsWithManyMembersStayInOrder() throws {
        for required in [["a"], ["c"], [], ["b", "d"]] {
            let schema = JSONValue.object([
                "type": "object", "additionalProperties": false,
                "properties": .object(
                    JSONObject(["a", "b", "c", "d", "e"].map { ($0, JSONValue.object(["const": 1])) })),
                "required": .array(required.map { .string($0) }),
            ])
            for bits in 0..<32 {
                let names = ["a", "b", "c", "d", "e"].enumerated().filter { bits >> $0.offset & 1 == 1 }.map(\.element)
                let text = "{" + names.map { "\"\($0)\":1" }.joined(separator: ",") + "}"
                let isAllowed = required.allSatisfy(names.contains)
                #expect(try accepts(.json, schema.description, text) == isAllowed, "\(required) \(text)")
            }
        }
    }
}
