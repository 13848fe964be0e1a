import ApusCore
import ApusGrammar
import ApusJSON
import ApusTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension EndToEnd {
    /// Constrained output, from request to text.
    @Suite
    struct GrammarTests {
        private static let schemas = [
            #"{"type":"object","properties":{"name":{"type":"string","maxLength":12},"age":{"type":"integer","minimum":0,"maximum":150}},"required":["name","age"]}"#,
            #"{"enum":["red","green",1,null]}"#,
            #"{"type":"array","items":{"type":"boolean"},"minItems":2,"maxItems":4}"#,
            #"{"type":"string","format":"date"}"#,
            #"{"type":"number","exclusiveMinimum":-1,"maximum":2.5}"#,
            ##"{"$defs":{"n":{"type":"object","properties":{"v":{"enum":[1,2]},"next":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/n"}]}},"required":["v","next"]}},"$ref":"#/$defs/n"}"##,
            #"{"oneOf":[{"type":"object","properties":{"k":{"const":"a"}},"required":["k"]},{"type":"object","properties":{"k":{"const":"b"},"w":{"type":"null"}},"required":["k","w"]}]}"#,
        ]

        @Test
        func `what is generated obeys, greedy or not`() throws {
            let server = try Server.serving("\(Fixture.package)/Deploy/models/apus-mini", ["--random-seed", "3"])
            let client = HTTPClient(port: server.port)
            var complete = 0
            for schema in Self.schemas {
                let grammar = try GrammarSource(.json, schema).grammar()
                for temperature in [0, 1] {
                    let parameters: JSONValue = [
                        "json_schema": .string(schema), "temperature": JSONValue(temperature), "max_new_tokens": 100,
                    ]
                    let json = try client.post("/generate", ["text": "JSON:", "sampling_params": parameters]).json()
                    let text = try #require(json["text"]?.stringValue, "\(json)")
                    var matcher = ReferenceMatcher(grammar)
                    let isAllowed = text.utf8.allSatisfy { matcher.take($0) }
                    #expect(isAllowed, "\(schema): \(text)")
                    if json["meta_info"]?["finish_reason"]?["type"] == "length" { continue }
                    complete += 1
                    #expect(matcher.canEnd, "\(schema): \(text)")
                    #expect(throws: Never.self) { try JSONValue(parsing: text) }
                }
            }
            #expect(complete > Self.schemas.count)

            let stopped = try client.post(
                "/generate",
                [
                    "text": "The capital",
                    "sampling_params": ["temperature": 0, "max_new_tokens": 40, "stop_regex": #"\bof\b"#],
                ]
            ).json()
            #expect(stopped["text"] == " of")
            #expect(stopped["meta_info"]?["finish_reason"] == ["type": "stop", "matched": #"\bof\b"#])
            try stop(server)
        }

        /// Nested alternatives, and as many tools as agents offer: nobody else notices.
        @Test
        func `a stream beside hostile grammars goes on`() throws {
            let server = try Server.serving(
                "\(Fixture.package)/Deploy/models/apus-mini", ["--random-seed", "3", "--tool-call-parser", "hermes"])
            let client = HTTPClient(port: server.port)
            let body = Requests.generate("Once upon a time", tokens: 200, stream: true)
            let alone = Requests.ending(of: try client.exchange("POST", "/generate", body))
            let control = try client.exchange("POST", "/generate", body)

            let evil = (0..<12).map { #"{"anyOf":[{"const":\#($0)},{"minimum":\#($0)},{"type":"string"}]}"# }
            let refused = try client.post(
                "/generate",
                [
                    "text": "x",
                    "sampling_params": ["json_schema": .string(#"{"allOf":[\#(evil.joined(separator: ","))]}"#)],
                ])
            #expect(refused.status == 400)
            let tools = (0..<128).map { index -> JSONValue in
                let parameters: JSONValue = [
                    "type": "object", "required": ["mode"], "additionalProperties": false,
                    "properties": [
                        "city": ["type": "string", "maxLength": 8], "mode": ["enum": ["a", JSONValue("m\(index)")]],
                    ],
                ]
                return ["type": "function", "function": ["name": .string("tool_\(index)"), "parameters": parameters]]
            }
            let called = try client.post(
                "/v1/chat/completions",
                [
                    "messages": [["role": "user", "content": "Hi"]], "input_ids": [5, 6, 7], "tools": .array(tools),
                    "tool_choice": "required", "parallel_tool_calls": false, "max_tokens": 120, "temperature": 0,
                ]
            ).json()
            let choice = called["choices"]?[0]
            let call = try #require(choice?["message"]?["tool_calls"]?[0]?["function"], "\(called)")
            let name = try #require(call["name"]?.stringValue)
            #expect(name.hasPrefix("tool_"))
            if choice?["finish_reason"] == "tool_calls" {
                let arguments = try JSONValue(parsing: try #require(call["arguments"]?.stringValue))
                let mode = try #require(arguments["mode"]?.stringValue)
                #expect(["a", "m" + name.dropFirst(5)].contains(mode))
            }
            #expect(Requests.ending(of: control) == alone)
            try stop(server)
        }

        @Test
        func `each of several samples obeys, and they differ`() throws {
            let server = try Server.serving("\(Fixture.package)/Deploy/models/apus-mini", [])
            let client = HTTPClient(port: server.port)
            let schema = #"{"type":"object","properties":{"a":{"type":"string","maxLength":9}},"required":["a"]}"#
            func texts(seed: Int) throws -> [String] {
                let parameters: JSONValue = [
                    "json_schema": .string(schema), "temperature": 1, "n": 4, "sampling_seed": JSONValue(seed),
                    "max_new_tokens": 60,
                ]
                let json = try client.post("/generate", ["text": "JSON:", "sampling_params": parameters]).json()
                return try #require(json.arrayValue, "\(json)").map { try #require($0["text"]?.stringValue) }
            }
            let first = try texts(seed: 1)
            #expect(first.count == 4 && Set(first).count > 1)
            let grammar = try GrammarSource(.json, schema).grammar()
            for text in first {
                #expect(ReferenceMatcher.accepts(text, grammar), "\(text)")
                #expect(try JSONValue(parsing: text)["a"]?.stringValue?.unicodeScalars.count ?? 10 <= 9, "\(text)")
            }
            #expect(try texts(seed: 1) == first)
            #expect(try texts(seed: 100) != first)
            try stop(server)
        }

        private func stop(_ server: Server) throws {
            server.signal(SIGTERM)
            #expect(server.wait() == 0, "\(server.log)")
        }
    }
}
