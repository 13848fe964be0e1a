import ApusCore
import Testing

/// Every keyword of JSON Schema, draft 2020-12, is obeyed, refused by its name, or says nothing about which values obey.
@Suite struct KeywordTests {
    enum Fate {
        /// The first text obeys the schema and the second does not, though only because of the keyword.
        case obeyed(String, String, not: String)
        case refused(String)
        /// An annotation, by the specification.
        case silent(String)
    }

    static let fates: [(keyword: String, fate: Fate)] = [
        // Core.
        ("$schema", .silent(##""https://json-schema.org/draft/2020-12/schema""##)),
        ("$id", .silent(#""https://a.b/c""#)),
        ("$ref", .obeyed(##"{"$ref":"#/$defs/a","$defs":{"a":{"const":1}}}"##, "1", not: "2")),
        ("$anchor", .silent(#""here""#)), ("$dynamicRef", .refused(##""#a""##)), ("$dynamicAnchor", .refused(#""a""#)),
        ("$vocabulary", .silent("{}")), ("$comment", .silent(#""c""#)), ("$defs", .silent("{}")),
        // Applicators.
        ("prefixItems", .obeyed(#"{"type":"array","prefixItems":[{"const":1}]}"#, "[1,2]", not: "[2]")),
        ("items", .obeyed(#"{"type":"array","items":{"const":1}}"#, "[1,1]", not: "[1,2]")),
        ("contains", .refused("true")),
        (
            "additionalProperties",
            .obeyed(#"{"type":"object","additionalProperties":{"const":1}}"#, #"{"a":1}"#, not: #"{"a":2}"#)
        ),
        (
            "properties",
            .obeyed(#"{"type":"object","properties":{"a":{"const":1}}}"#, #"{"a":1}"#, not: #"{"a":2}"#)
        ),
        (
            "patternProperties",
            .obeyed(#"{"type":"object","patternProperties":{"^a":{"const":1}}}"#, #"{"ab":1}"#, not: #"{"ab":2}"#)
        ),
        (
            "dependentSchemas",
            .obeyed(
                #"{"type":"object","properties":{"a":{},"b":{}},"dependentSchemas":{"a":{"required":["b"]}}}"#,
                #"{"a":1,"b":1}"#, not: #"{"a":1}"#)
        ),
        (
            "propertyNames",
            .obeyed(#"{"type":"object","propertyNames":{"maxLength":1}}"#, #"{"a":1}"#, not: #"{"ab":1}"#)
        ),
        ("if", .obeyed(#"{"type":"integer","if":{"minimum":5},"then":{"minimum":8}}"#, "9", not: "6")),
        ("then", .obeyed(#"{"type":"integer","if":{"minimum":5},"then":{"minimum":8}}"#, "3", not: "7")),
        ("else", .obeyed(#"{"type":"integer","if":{"minimum":5},"else":{"maximum":2}}"#, "6", not: "4")),
        ("allOf", .obeyed(#"{"type":"integer","allOf":[{"minimum":5},{"maximum":6}]}"#, "5", not: "7")),
        ("anyOf", .obeyed(#"{"anyOf":[{"const":1},{"const":2}]}"#, "2", not: "3")),
        ("oneOf", .obeyed(#"{"oneOf":[{"enum":[1,2]},{"enum":[2,3]}]}"#, "3", not: "2")),
        ("not", .obeyed(#"{"enum":[1,2],"not":{"const":2}}"#, "1", not: "2")),
        // Unevaluated locations.
        (
            "unevaluatedItems",
            .obeyed(#"{"type":"array","prefixItems":[{}],"unevaluatedItems":{"const":1}}"#, "[2,1]", not: "[2,2]")
        ),
        (
            "unevaluatedProperties",
            .obeyed(#"{"type":"object","unevaluatedProperties":{"const":1}}"#, #"{"a":1}"#, not: #"{"a":2}"#)
        ),
        // Validation.
        ("type", .obeyed(#"{"type":["null","boolean"]}"#, "true", not: "1")),
        ("const", .obeyed(#"{"const":[1]}"#, "[1]", not: "[2]")),
        ("enum", .obeyed(#"{"enum":["a"]}"#, #""a""#, not: #""b""#)),
        ("multipleOf", .obeyed(#"{"type":"integer","multipleOf":3}"#, "9", not: "8")),
        ("maximum", .obeyed(#"{"type":"integer","maximum":3}"#, "3", not: "4")),
        ("exclusiveMaximum", .obeyed(#"{"type":"integer","exclusiveMaximum":3}"#, "2", not: "3")),
        ("minimum", .obeyed(#"{"type":"number","minimum":3}"#, "3.0", not: "2.9")),
        ("exclusiveMinimum", .obeyed(#"{"type":"number","exclusiveMinimum":3}"#, "3.1", not: "3.0")),
        ("maxLength", .obeyed(#"{"type":"string","maxLength":1}"#, #""é""#, not: #""ab""#)),
        ("minLength", .obeyed(#"{"type":"string","minLength":2}"#, #""ab""#, not: #""é""#)),
        ("pattern", .obeyed(#"{"type":"string","pattern":"b"}"#, #""abc""#, not: #""ac""#)),
        ("maxItems", .obeyed(#"{"type":"array","maxItems":1}"#, "[1]", not: "[1,2]")),
        ("minItems", .obeyed(#"{"type":"array","minItems":2}"#, "[1,2]", not: "[1]")),
        ("uniqueItems", .refused("true")), ("maxContains", .refused("2")), ("minContains", .refused("1")),
        ("maxProperties", .obeyed(#"{"type":"object","maxProperties":1}"#, #"{"a":1}"#, not: #"{"a":1,"b":2}"#)),
        ("minProperties", .obeyed(#"{"type":"object","minProperties":1}"#, #"{"a":1}"#, not: "{}")),
        ("required", .obeyed(#"{"type":"object","required":["a"]}"#, #"{"a":1}"#, not: #"{"b":1}"#)),
        (
            "dependentRequired",
            .obeyed(
                #"{"type":"object","properties":{"a":{},"b":{}},"dependentRequired":{"a":["b"]}}"#, #"{"b":1}"#,
                not: #"{"a":1}"#)
        ),
        ("format", .obeyed(#"{"type":"string","format":"date"}"#, #""2024-02-29""#, not: #""2024-13-01""#)),
        // Contents and metadata.
        ("contentEncoding", .silent(#""base64""#)), ("contentMediaType", .silent(#""text/plain""#)),
        ("contentSchema", .silent("true")), ("title", .silent(#""t""#)), ("description", .silent(#""d""#)),
        ("default", .silent("1")), ("deprecated", .silent("true")), ("readOnly", .silent("true")),
        ("writeOnly", .silent("true")), ("examples", .silent("[1]")),
    ]

    /// The eight vocabularies of the specification.
    @Test func theTableIsComplete() {
        let keywords = """
            $schema $id $ref $anchor $dynamicRef $dynamicAnchor $vocabulary $comment $defs prefixItems items contains
            additionalProperties properties patternProperties dependentSchemas propertyNames if then else allOf anyOf oneOf
            not unevaluatedItems unevaluatedProperties type const enum multipleOf maximum exclusiveMaximum minimum
            exclusiveMinimum maxLength minLength pattern maxItems minItems uniqueItems maxContains minContains maxProperties
            minProperties required dependentRequired format contentEncoding contentMediaType contentSchema title
            description default deprecated readOnly writeOnly examples
            """
        #expect(
            Self.fates.map(\.keyword).sorted()
                == keywords.split(whereSeparator: \.isWhitespace).map(String.init).sorted())
    }

    @Test func noneIsDropped() throws {
        for (keyword, fate) in Self.fates {
            switch fate {
            case .obeyed(let schema, let good, let bad):
                #expect(schema.contains("\"\(keyword)\""))
                #expect(try accepts(.json, schema, good), "\(schema) \(good)")
                #expect(try !accepts(.json, schema, bad), "\(schema) \(bad)")
                // Under another name the same schema takes both: it is the keyword that decides.
                let without = schema.replacing("\"\(keyword)\":", with: "\"x-other\":")
                #expect(try accepts(.json, without, bad), "\(without) \(bad)")
            case .refused(let value):
                let reason = refusal(.json, "{\"\(keyword)\":\(value)}")
                #expect(reason == "unsupported keyword '\(keyword)' at #", "\(keyword)")
            case .silent(let value):
                #expect(refusal(.json, "{\"type\":\"null\",\"\(keyword)\":\(value)}") == nil, "\(keyword)")
            }
        }
    }

    /// Names are told apart by their letters: one that only looks like a keyword is refused, too.
    @Test(arguments: ["minlength", "Type", "maxitems", "require", "additional_properties", "$Ref", ""])
    func unknownOnesAreRefused(_ keyword: String) {
        #expect(refusal(.json, "{\"\(keyword)\":1}") == "unsupported keyword '\(keyword)' at #")
    }
}
