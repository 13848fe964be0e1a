import ApusCore
import ApusJSON
import ApusTestSupport
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

    /// A chain of rules, each of which needs the next: the passes over all rules are not as many as the rules.
    @Test func chainsOfRulesAreReadInAnyOrder() throws {
        let rules = (0..<400).map { "r\($0) ::= r\($0 + 1)" } + [#"r400 ::= "a""#]
        for rules in [rules, rules.reversed()] {
            let source = (["root ::= r0"] + rules).joined(separator: "\n")
            #expect(try accepts(.ebnf, source, "a"))
            #expect(try !accepts(.ebnf, source, "b"))
        }
    }

    /// The language is the same in every order, the root first, last or between.
    @Test func orderOfRulesDoesNotMatter() throws {
        let rules = [
            #"root ::= sum"#, #"sum ::= product ("+" product)*"#, #"product ::= power ("*" product)?"#,
            #"power ::= atom ("^" power)?"#, #"atom ::= digit+ | "(" sum ")" | empty "-" atom"#, #"digit ::= [0-9]"#,
            #"empty ::= """#,
        ]
        var texts = ["1+2*3", "(1)", "-1^2^3", "((1+2)*-3)", "12*", "1++2", "()", "^1", "1-2", "(1", "", "-"]
        var random = SeededRandom(seed: 3)
        for _ in 0..<60 {
            texts.append(
                String(
                    (0..<Int.random(in: 1...6, using: &random)).map { _ in "12+*^-()".randomElement(using: &random)! }))
        }
        let first = try texts.map { try accepts(.ebnf, rules.joined(separator: "\n"), $0) }
        #expect(first.prefix(12) == [true, true, true, true, false, false, false, false, false, false, false, false])
        #expect(first.dropFirst(12).contains(true) && first.dropFirst(12).contains(false))
        for _ in 0..<12 {
            let source = rules.shuffled(using: &random).joined(separator: "\n")
            #expect(try texts.map { try accepts(.ebnf, source, $0) } == first, "\(source)")
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
