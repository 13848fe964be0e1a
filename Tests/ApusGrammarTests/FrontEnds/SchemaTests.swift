import ApusCore
import ApusJSON
import ApusTestSupport
import Testing

@testable import ApusGrammar

@Suite struct SchemaTests {
    /// schemas.json: what the package jsonschema says of texts. None that it refuses is accepted; texts in the order and
    /// form that a grammar writes are, if they obey.
    @Test func agreesWithJSONSchema() throws {
        let rows = try #require(try GrammarFixtures.json("schemas.json").arrayValue)
        var (taken, known, refused) = (0, 0, 0)
        for row in rows {
            let schema = try #require(row[0])
            if let reason = refusal(.json, schema.description) {
                refused += 1
                let isFit = ["oneOf", "no text", "minProperties", "anything but"].contains { reason.contains($0) }
                #expect(isFit, "\(schema): \(reason)")
                continue
            }
            let grammar = try GrammarSource(.json, schema.description, whitespace: .none).grammar()
            for entry in row[1]?.arrayValue ?? [] {
                guard let text = entry[0]?.stringValue, let isValid = entry[1]?.boolValue else { continue }
                known += 1
                let isAccepted = ReferenceMatcher.accepts(text, grammar)
                if isAccepted { taken += 1 }
                #expect(isValid || !isAccepted, "\(schema) accepts \(text)")
                if isValid, entry[2] == true { #expect(isAccepted, "\(schema) does not accept \(text)") }
            }
        }
        #expect(taken > 500 && known > 2_000 && refused < rows.count / 10, "\(taken) of \(known), \(refused) refused")
    }

    @Test(arguments: [
        (
            #"{"type":"string","format":"date"}"#, ["2024-02-29", "1999-12-31"],
            ["2023-02-29", "2024-13-01", "2024-1-1"]
        ),
        (#"{"type":"string","format":"time"}"#, ["23:59:59Z", "01:02:03.5+02:00"], ["24:00:00Z", "01:02:03"]),
        (#"{"type":"string","format":"date-time"}"#, ["2024-02-29T00:00:00Z"], ["2024-02-29 00:00:00Z"]),
        (
            #"{"type":"string","format":"uuid"}"#, ["123e4567-e89b-12d3-a456-426614174000"],
            ["123e4567e89b12d3a456426614174000"]
        ),
        (#"{"type":"string","format":"email"}"#, ["a.b+c@example.org"], ["a@b", "@x.org", "a..b@x.org"]),
        (#"{"type":"string","format":"ipv4"}"#, ["0.0.0.0", "255.255.255.255"], ["256.0.0.1", "1.2.3"]),
        (
            #"{"type":"string","format":"ipv6"}"#, ["::", "::1", "2001:db8::8a2e:370:7334", "::ffff:1.2.3.4"],
            ["1:2", ":::"]
        ),
        (#"{"type":"string","format":"uri"}"#, ["https://a.org/b?c=d#e", "urn:isbn:1"], ["a b", "//x"]),
        (#"{"type":"string","format":"duration"}"#, ["P1Y2M", "PT5S", "P3W"], ["P", "1D"]),
        (#"{"type":"string","format":"hostname"}"#, ["a-b.example"], ["-a", "a_b"]),
    ])
    func formats(_ schema: String, _ good: [String], _ bad: [String]) throws {
        let grammar = try GrammarSource(.json, schema, whitespace: .none).grammar()
        for text in good { #expect(ReferenceMatcher.accepts("\"\(text)\"", grammar), "\(text)") }
        for text in bad { #expect(!ReferenceMatcher.accepts("\"\(text)\"", grammar), "\(text)") }
    }

    /// No member hides behind an escape, and no string holds half a character.
    @Test func stringsAreWhole() throws {
        let open = #"{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"string"}}"#
        #expect(try accepts(.json, open, #"{"a":1,"b":"x"}"#))
        #expect(try !accepts(.json, open, #"{"a":1,"a":"x"}"#))
        #expect(try !accepts(.json, open, #"{"a":1,"\u0061":"x"}"#))
        #expect(try accepts(.json, open, #"{"a":1,"ab":"\ud83d\ude00\u00e9"}"#))
        for half in [#""\ud83d""#, #""\ude00""#, #""\ud83dx""#, "\"\u{1}\"", "\"\n\""] {
            #expect(try !accepts(.json, "{}", half), "\(half)")
        }
        #expect(try accepts(.json, #"{"type":"string","maxLength":1}"#, #""\ud83d\ude00""#))
    }

    @Test func whiteSpaceIsBounded() throws {
        let schema = #"{"type":"object","properties":{"a":{"type":"array"}},"required":["a"]}"#
        let wide = "{\n  \"a\" : [ 1 , 2 ]\n}"
        #expect(try accepts(.json, schema, wide, whitespace: .upTo(4)))
        #expect(try !accepts(.json, schema, wide, whitespace: .none))
        #expect(try !accepts(.json, schema, "{     \"a\":[]}", whitespace: .upTo(4)))
        #expect(try !accepts(.json, schema, "{\"a\":[]} ", whitespace: .upTo(4)))
        #expect(try accepts(.json, schema, "{ \"a\":[] }", whitespace: .pattern("[ ]?")))
        #expect(throws: GrammarError.self) { try accepts(.json, schema, "{}", whitespace: .pattern("x?")) }
    }

    /// Texts that a schema refers to itself for, and alternatives told apart by what they are not.
    @Test(arguments: [
        (
            ##"{"$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["v","next"]}},"$ref":"#/$defs/n"}"##,
            ##"{"v":1,"next":{"v":2,"next":null}}"##, true
        ),
        (##"{"type":"array","items":{"$ref":"#"}}"##, "[[],[[]]]", true),
        (
            #"{"properties":{"a":{},"b":{}},"type":"object","oneOf":[{"required":["a"]},{"required":["b"]}]}"#,
            #"{"a":1}"#, true
        ),
        (
            #"{"properties":{"a":{},"b":{}},"type":"object","oneOf":[{"required":["a"]},{"required":["b"]}]}"#,
            #"{"a":1,"b":2}"#, false
        ),
        (
            #"{"if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"required":["x"]},"type":"object","properties":{"k":{"type":"integer"},"x":{}}}"#,
            #"{"k":1}"#, false
        ),
        (
            #"{"if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"required":["x"]},"type":"object","properties":{"k":{"type":"integer"},"x":{}}}"#,
            #"{"k":2}"#, true
        ),
        (#"{"type":"integer","multipleOf":7,"minimum":10,"maximum":50}"#, "49", true),
        (#"{"type":"integer","multipleOf":7,"minimum":10,"maximum":50}"#, "48", false),
        (##"{"$ref":"#/$defs/x~1y/0","$defs":{"x/y":[{"const":3}]}}"##, "3", true), ("true", "[null]", true),
        (#"{"items":[{"type":"integer"}],"additionalItems":false,"type":"array"}"#, "[1]", true),
        ("$$ANY$$", #"{"a":[1.5e3]}"#, true), (#"{"type":"object"}"#, #"{"x":{"y":[]}}"#, true),
    ])
    func cases(_ schema: String, _ text: String, _ isAccepted: Bool) throws {
        #expect(try accepts(.json, schema, text) == isAccepted, "\(schema) \(text)")
    }

    @Test(arguments: [
        ("{", "not JSON"), ("3", "a schema is"), (#"{"type":"text"}"#, "no type"),
        (#"{"uniqueItems":true}"#, "'uniqueItems'"),
        (#"{"contains":{}}"#, "'contains'"), (#"{"wat":1}"#, "'wat'"), (#"{"format":"iri"}"#, "'iri'"),
        (##"{"$ref":"other.json"}"##, "another document"), (##"{"$ref":"#/no"}"##, "not there"),
        (##"{"$ref":"#"}"##, "back to itself"),
        (#"{"pattern":"(?=a)"}"#, "look-ahead"), (#"{"multipleOf":0.1}"#, "multipleOf"), (#"{"enum":1}"#, "array"),
        (#"{"oneOf":[{"minimum":1},{"multipleOf":2}]}"#, "overlap"), (#"{"type":"string","enum":[1]}"#, "no text"),
        (#"{"type":"object","properties":{"a":false},"required":["a"]}"#, "no text"), ("false", "no text"),
        (##"{"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}},"$ref":"#/$defs/a"}"##, "nested too deep"),
        (##"{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}"##, "no text"),
    ])
    func refusesByName(_ schema: String, _ reason: String) throws {
        let found = try #require(refusal(.json, schema), "not refused: \(schema)")
        #expect(found.contains(reason), "\(schema): \(found)")
    }

    /// Schemas that would take for ever are refused soon.
    @Test func hostileSchemasAreBounded() {
        let wide = (0..<12).map { #"{"anyOf":[{"const":\#($0)},{"minimum":\#($0)},{"type":"string"}]}"# }
        #expect(refusal(.json, #"{"allOf":[\#(wide.joined(separator: ","))]}"#) != nil)
        let chain = (0..<3_000).map { ##""d\##($0)":{"type":"array","items":{"$ref":"#/$defs/d\##($0 + 1)"}}"## }
        #expect(
            refusal(.json, ##"{"$defs":{\##(chain.joined(separator: ",")),"d3000":true},"$ref":"#/$defs/d0"}"##) == nil)
    }
}
