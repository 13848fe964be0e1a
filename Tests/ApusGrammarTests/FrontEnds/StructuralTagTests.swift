import ApusCore
import Testing

@testable import ApusGrammar

@Suite struct StructuralTagTests {
    private static let old = """
        {"type":"structural_tag","triggers":["<f="],"structures":[
          {"begin":"<f=a>","schema":{"type":"integer"},"end":"</f>"},
          {"begin":"<f=b>","schema":{"type":"object","properties":{"x":{"type":"boolean"}},"required":["x"]},"end":"</f>"}]}
        """

    @Test(arguments: [
        ("", true), ("free <f text", true), ("so <f=a>12</f> and", true), ("<f=a>12</f><f=b>{\"x\":true}</f>", true),
        ("<f=a>x</f>", false), ("<f=c>", false), ("<f=a>12", false), ("<f=b>{}</f>", false), ("<<f=a>1</f>é", true),
    ])
    func oldForm(_ text: String, _ isAccepted: Bool) throws {
        #expect(try accepts(.structuralTag, Self.old, text) == isAccepted)
    }

    private static func new(_ format: String) -> String { #"{"type":"structural_tag","format":\#(format)}"# }

    private static let tags = #"""
        [{"type":"tag","begin":"<a>","content":{"type":"any_text"},"end":"</a>"},
         {"type":"tag","begin":"<b>","content":{"type":"json_schema","json_schema":{"type":"null"}},"end":["</b>","."]}]
        """#

    @Test(arguments: [
        (#"{"type":"const_string","value":"hi"}"#, "hi", true), (#"{"type":"regex","pattern":"a+"}"#, "aa", true),
        (#"{"type":"grammar","grammar":"root ::= \"x\" y y ::= \"z\""}"#, "xz", true),
        (#"{"type":"any_text"}"#, "anything é", true),
        (#"{"type":"sequence","elements":[{"type":"const_string","value":"<t>"},{"type":"any_text"}]}"#, "<t>x", true),
        (
            #"{"type":"or","elements":[{"type":"const_string","value":"a"},{"type":"regex","pattern":"b*"}]}"#, "bb",
            true
        ),
        (#"{"type":"triggered_tags","triggers":["<"],"tags":\#(tags),"at_least_one":true}"#, "x", false),
        (
            #"{"type":"triggered_tags","triggers":["<"],"tags":\#(tags),"at_least_one":true}"#, "x<a>1</a>y<b>null.",
            true
        ),
        (
            #"{"type":"triggered_tags","triggers":["<"],"tags":\#(tags),"stop_after_first":true}"#, "x<a>1</a><b>null.",
            false
        ),
        (#"{"type":"tags_with_separator","tags":\#(tags),"separator":","}"#, "<a></a>,<b>null</b>", true),
        (#"{"type":"tags_with_separator","tags":\#(tags),"separator":",","at_least_one":true}"#, "", false),
    ])
    func newForm(_ format: String, _ text: String, _ isAccepted: Bool) throws {
        #expect(try accepts(.structuralTag, Self.new(format), text) == isAccepted, "\(format) \(text)")
    }

    @Test(arguments: [
        ("{", "not JSON"), (#"{"type":"x"}"#, "structural_tag"),
        (#"{"type":"structural_tag"}"#, "'structures' or 'format'"),
        (#"{"type":"structural_tag","structures":[],"triggers":["<"]}"#, "not none"),
        (#"{"type":"structural_tag","structures":[{"begin":"a","schema":{},"end":""}],"triggers":["<"]}"#, "triggers"),
        (#"{"type":"structural_tag","format":{"type":"qwen_xml_parameter"}}"#, "'qwen_xml_parameter'"),
        (#"{"type":"structural_tag","format":{"type":"regex","pattern":"("}}"#, "unclosed"),
    ])
    func refuses(_ tag: String, _ reason: String) throws {
        let found = try #require(refusal(.structuralTag, tag), "not refused: \(tag)")
        #expect(found.contains(reason), "\(found)")
    }
}
