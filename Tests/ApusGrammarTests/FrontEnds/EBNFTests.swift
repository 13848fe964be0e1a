import ApusCore
import ApusTestSupport
import Testing

@testable import ApusGrammar

@Suite struct EBNFTests {
    private static let arithmetic = """
        # sums of products
        root  ::= sum
        sum   ::= term (("+" | "-") term)*
        term  ::= factor
                | factor "*" term
        factor ::= [0-9]+ | "(" sum ")"
        """

    @Test(arguments: [
        (arithmetic, "1+2*(3-4)", true), (arithmetic, "1+", false), (arithmetic, "((7))", true),
        (arithmetic, "(7", false),
        (#"root ::= "a" "#, "a", true), (#"root ::= "a\n\"\u00e9" [^\n]"#, "a\n\"éx", true),
        (#"root ::= a-b? c_1{2,3} a-b ::= "x" c_1 ::= [\]\-a]"#, "x]-", true),
        (#"root ::= "a"{2} . "b"{,1} "c"{1,}"#, "aa漢cc", true), (#"root ::= "a"{2} . "b"{,1} "c"{1,}"#, "aa漢bb", false),
        (#"root ::= "" | ("x" | )"#, "", true), (#"root ::= (("a"))+"#, "aaa", true),
    ])
    func reads(_ grammar: String, _ text: String, _ isAccepted: Bool) throws {
        #expect(try accepts(.ebnf, grammar, text) == isAccepted, "\(text)")
    }

    @Test(arguments: [
        ("", "no rule 'root'"), (#"a ::= "b""#, "no rule 'root'"), ("root ::= b", "'b' is not defined"),
        (#"root ::= "a"#, "unclosed string"), ("root ::= [a", "unclosed class"), (#"root ::= ("a""#, "unclosed group"),
        (#"root ::= "a" root ::= "b""#, "defined twice"), (#"root ::= "\q""#, "escape"), ("root ::= *", "unexpected"),
        (#"root ::= "a"{3,2}"#, "repetition"), ("= a", "expected a rule"), (#"root ::= (="a") "b""#, "look-ahead"),
        (#"root ::= "a" root"#, "no text"), ("root ::= [b-a]", "bad range"),
    ])
    func refuses(_ grammar: String, _ reason: String) throws {
        let found = try #require(refusal(.ebnf, grammar), "not refused: \(grammar)")
        #expect(found.contains(reason), "\(found)")
    }

    /// Rules that never end are cut out where others do.
    @Test func leavesNoDeadEnds() throws {
        let grammar = try GrammarSource(.ebnf, #"root ::= "a" loop | "b" loop ::= "x" loop"#).grammar()
        var matcher = ReferenceMatcher(grammar)
        #expect(!matcher.allows([UInt8(ascii: "a")]))
        let isTaken = matcher.take(UInt8(ascii: "b"))
        #expect(isTaken && matcher.canEnd)
    }
}
