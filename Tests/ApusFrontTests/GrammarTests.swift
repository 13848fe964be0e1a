import ApusCore
import ApusGrammar
import ApusJSON
import ApusTestSupport
import ApusWire
import Testing

@testable import ApusFront

/// What routes ask the scheduler for when outputs are constrained.
@Suite struct GrammarTests {
    private let hello: JSONValue = [["role": "user", "content": "Hi"]]
    private let tools: JSONValue = [
        [
            "type": "function",
            "function": [
                "name": "f", "strict": true,
                "parameters": ["type": "object", "properties": ["x": ["type": "integer"]], "required": ["x"]],
            ],
        ],
        ["type": "function", "function": ["name": "g"]],
    ]

    @Test func sourcesReachTheScheduler() async throws {
        try await withFront(configure: { $0.grammars.whitespace = .none }) { server in
            for (name, text) in [("json_schema", "{}"), ("regex", "a"), ("ebnf", "root ::= \"a\"")] {
                let parameters: JSONObject = [name: .string(text), "max_new_tokens": 1]
                let answer = try await server.generate(["text": "a", "sampling_params": .object(parameters)])
                #expect(answer.status == 200)
            }
            #expect(
                server.ring.requests.map(\.sampling.grammar) == [
                    GrammarSource(.json, "{}", whitespace: .none), GrammarSource(.regex, "a", whitespace: .none),
                    GrammarSource(.ebnf, "root ::= \"a\"", whitespace: .none),
                ])
        }
    }

    @Test func aServerWithoutGrammarsSaysSo() async throws {
        try await withFront(configure: { $0.grammars.isEnabled = false }) { server in
            let answer = try await server.generate(["text": "a", "sampling_params": ["regex": "a"]])
            #expect(answer.status == 400)
            #expect(
                answer.json?["error"]?["message"]
                    == .string(
                        "Grammar-based generation (json_schema, regex, ebnf, structural_tag) is not supported when the "
                            + "server is launched with --grammar-backend none"))
        }
    }

    @Test func responseFormats() async throws {
        try await withFront { server in
            let formats: [JSONValue] = [
                ["type": "text"], ["type": "json_object"],
                ["type": "json_schema", "json_schema": ["name": "n", "schema": ["type": "null"]]],
            ]
            for format in formats {
                for path in ["/v1/chat/completions", "/v1/completions"] {
                    let answer = try await server.post(
                        path, ["messages": hello, "prompt": "a", "max_tokens": 1, "response_format": format])
                    #expect(answer.status == 200)
                }
            }
            #expect(
                server.ring.requests.map(\.sampling.grammar?.text) == [
                    nil, nil, #"{"type":"object"}"#, #"{"type":"object"}"#, #"{"type":"null"}"#, #"{"type":"null"}"#,
                ])
            let bad = try await server.post(
                "/v1/chat/completions",
                [
                    "messages": hello,
                    "response_format": ["type": "json_schema", "json_schema": ["schema": ["type": "x"]]],
                ])
            #expect(bad.status == 400)
            #expect(bad.json?["type"] == "BadRequestError")
            #expect(bad.json?["message"] == #"Failed to compile json grammar: #/type: "x" is no type"#)
        }
    }

    /// Outputs of forced calls, by parser: every one of them obeys what the scheduler is asked for.
    @Test(
        arguments: [
            (nil, #"[{"name": "f", "parameters": {"x": 1}}]"#, #"[{"name": "g", "parameters": {}}]"#),
            (
                "qwen", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>",
                "<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>"
            ),
            ("llama3", #"{"name": "f", "parameters": {"x": 1}}"#, #"{"name": "g", "parameters": {}}"#),
            (
                "mistral", #"[TOOL_CALLS] [{"name": "f", "arguments": {"x": 1}}]"#,
                #"[TOOL_CALLS] [{"name": "g", "arguments": {}}]"#
            ),
        ] as [(String?, String, String)])
    func forcedCalls(_ parser: String?, _ first: String, _ second: String) async throws {
        try await withFront(configure: { $0.toolCallParser = parser }) { server in
            let choices: [(JSONValue, Bool, Bool)] = [
                ("required", true, true), (["type": "function", "function": ["name": "f"]], true, false),
            ]
            for (choice, takesFirst, takesSecond) in choices {
                let output = first
                let body: JSONObject = [
                    "messages": hello, "input_ids": .array(output.utf8.map { JSONValue($0) }),
                    "max_tokens": JSONValue(output.utf8.count), "tools": tools, "tool_choice": choice,
                ]
                let json = try await server.post("/v1/chat/completions", .object(body)).json
                let message = json?["choices"]?[0]?["message"]
                if parser == nil {
                    #expect(message?["content"] == .string(output))
                } else {
                    #expect(
                        message?["tool_calls"]?[0]?["function"] == ["name": "f", "arguments": #"{"x": 1}"#],
                        "\(message ?? nil)")
                    #expect(message?["content"] == "")
                }
                let source = try #require(server.ring.requests.last?.sampling.grammar)
                #expect(source.kind == .structuralTag)
                let accepted = try [first, second].map { try ReferenceMatcher.accepts($0, source.grammar()) }
                #expect(accepted == [takesFirst, takesSecond])

                var streamed = body
                streamed["stream"] = true
                let events = try await server.post("/v1/chat/completions", .object(streamed)).events
                let calls = events.compactMap { $0["choices"]?[0]?["delta"]?["tool_calls"]?[0]?["function"] }
                if parser != nil {
                    #expect(calls.first?["name"] == "f")
                    #expect(calls.compactMap { $0["arguments"]?.stringValue }.joined() == #"{"x": 1}"#)
                    #expect(calls.count > 1)
                }
            }
        }
    }

    @Test func strictToolsConstrainWhatTheModelChooses() async throws {
        try await withFront(configure: { $0.toolCallParser = "hermes" }) { server in
            let body: JSONObject = ["messages": hello, "input_ids": [65], "max_tokens": 1, "tools": tools]
            _ = try await server.post("/v1/chat/completions", .object(body))
            let source = try #require(server.ring.requests.last?.sampling.grammar)
            func call(_ name: String, _ arguments: String) -> String {
                "So:\n<tool_call>\n{\"name\": \"\(name)\", \"arguments\": \(arguments)}\n</tool_call>"
            }
            let outputs = [
                ("just text", true), (call("f", "{\"x\":1}"), true), (call("f", "{}"), false),
                (call("g", "{\"y\":[]}"), true),
            ]
            for (output, isAccepted) in outputs {
                #expect(try ReferenceMatcher.accepts(output, source.grammar()) == isAccepted, "\(output)")
            }

            var constrained = body
            constrained["regex"] = "a"
            _ = try await server.post("/v1/chat/completions", .object(constrained))
            #expect(server.ring.requests.last?.sampling.grammar?.kind == .regex)
        }
    }

    @Test func contradictionsAndBadSchemasAreRefused() async throws {
        try await withFront(configure: { $0.toolCallParser = "qwen" }) { server in
            for extra: JSONObject in [
                ["regex": "a"], ["ebnf": "root ::= \"a\""], ["response_format": ["type": "json_object"]],
            ] {
                var body: JSONObject = ["messages": hello, "tools": tools, "tool_choice": "required"]
                for member in extra { body[member.key] = member.value }
                let answer = try await server.post("/v1/chat/completions", .object(body))
                #expect(answer.status == 400)
                #expect(answer.json?["message"]?.stringValue?.contains("cannot both be honored.") == true)
            }
            let bad: JSONValue = [
                ["type": "function", "function": ["name": "f", "parameters": ["type": "object", "wat": 1]]]
            ]
            let answer = try await server.post(
                "/v1/chat/completions", ["messages": hello, "tools": bad, "tool_choice": "required"])
            #expect(
                answer.json?["message"]
                    == "Tool 0 function has invalid 'parameters' schema: unsupported keyword 'wat' at #")
            #expect(answer.json?["type"] == "BadRequest")
        }
    }

    /// Thinking is free; what follows it is not.
    @Test func grammarsFollowThinking() async throws {
        let format: JSONValue = ["type": "json_object"]
        try await withFront(configure: { $0.reasoningParser = "qwen3" }) { server in
            for thinks in [true, false] {
                _ = try await server.post(
                    "/v1/chat/completions",
                    [
                        "messages": hello, "max_tokens": 1, "response_format": format,
                        "chat_template_kwargs": ["enable_thinking": .bool(thinks)],
                    ])
            }
            #expect(server.ring.requests.map(\.sampling.grammarFollows) == [ByteCodec.endOfThinking, nil])
        }
    }

    @Test func requiredThinkingComesBeforeTheGrammar() async throws {
        let body: JSONValue = [
            "text": "a", "require_reasoning": true, "sampling_params": ["regex": "a", "max_new_tokens": 1],
        ]
        try await withFront(configure: { $0.reasoningParser = "qwen3" }) { server in
            _ = try await server.generate(body)
            _ = try await server.generate(["text": "a", "require_reasoning": true])
            #expect(server.ring.requests.map(\.sampling.grammarFollows) == [ByteCodec.endOfThinking, nil])
        }
        try await withFront { server in
            let refused = try await server.generate(body)
            #expect(refused.status == 400 && refused.text.contains("--reasoning-parser"))
        }
    }

    /// What takes longer than the front waits is no reason to call a grammar wrong: it goes on unchecked, and is checked
    /// again the next time.
    @Test func grammarsThatTakeLongGoOnToTheScheduler() async throws {
        let good = #"root ::= "a" root | "b""#
        // Whether all the rules are good cannot be known in no time.
        let long = good + String(repeating: #" | "c" root"#, count: 10_000) + " ("
        @Sendable func body(_ source: String) -> JSONValue {
            ["text": "a", "sampling_params": ["ebnf": .string(source)]]
        }
        try await withFront(configure: { $0.grammarPatience = 0 }) { server in
            for source in [good, long] {
                let answer = try await server.generate(body(source))
                #expect(answer.status == 200, "\(answer.text)")
                #expect(server.ring.requests.last?.sampling.grammar?.text == source)
                #expect(!server.front.service.grammars.knows(GrammarSource(.ebnf, source)))
            }
        }
        try await withFront(configure: { $0.grammarPatience = 60 }) { server in
            let accepted = try await server.generate(body(good))
            #expect(accepted.status == 200)
            #expect(server.front.service.grammars.knows(GrammarSource(.ebnf, good)))
            let refused = try await server.generate(body(long))
            #expect(refused.status == 400)
            #expect(server.ring.requests.map(\.sampling.grammar?.text) == [good])
        }
    }
}
