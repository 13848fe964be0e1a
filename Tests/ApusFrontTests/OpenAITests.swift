import ApusCore
import ApusJSON
import ApusWire
import HTTPTypes
import HummingbirdTesting
import Testing

@testable import ApusFront

@Suite struct OpenAITests {
    private let hello: JSONValue = [["role": "user", "content": "Hello"]]
    /// What the fake's template makes of it.
    private let prompt = "[user] Hello\n[assistant] "

    @Test(arguments: [FrontSetup.router, .live])
    func aCompletionHasOpenAIsShape(_ setup: FrontSetup) async throws {
        try await withFront(setup) { server in
            let answer = try await server.post(
                "/v1/completions", ["model": "m", "prompt": "abc", "max_tokens": 5, "rid": "mine"])
            #expect(answer.status == 200)
            let json = try #require(answer.json)
            #expect(json.objectValue?.keys == ["id", "object", "created", "model", "choices", "usage", "metadata"])
            #expect(json["id"] == "mine" && json["object"] == "text_completion" && json["model"] == "m")
            #expect(
                json["choices"] == [
                    ["index": 0, "text": "abcab", "logprobs": nil, "finish_reason": "length", "matched_stop": nil]
                ])
            #expect(json["usage"]?["total_tokens"] == 8 && json["usage"]?["prompt_tokens_details"] == .null)
            #expect(json["metadata"]?["weight_versions"] == [["version": "default", "start": 0, "end": 5]])
        }
    }

    @Test func completionsDefaultToSixteenTokens() async throws {
        try await withFront { server in
            _ = try await server.post("/v1/completions", ["prompt": [97, 98]])
            #expect(server.ring.requests.first?.sampling.maxNewTokens == 16)
            #expect(server.ring.requests.first?.inputIDs == [97, 98])
        }
    }

    @Test func promptsAndSamplesAreNumberedTogether() async throws {
        try await withFront(configure: { $0.openAI.reportsCache = true }) { server in
            let json = try await server.post(
                "/v1/completions", ["prompt": ["ab", "cde"], "n": 2, "max_tokens": 2, "echo": true]
            ).json
            let texts = json?["choices"]?.arrayValue?.compactMap { $0["text"]?.stringValue }
            #expect(texts == ["abab", "abab", "cdecd", "cdecd"])
            #expect(json?["choices"]?.arrayValue?.compactMap { $0["index"]?.intValue } == [0, 1, 2, 3])
            // A prompt counts once however many samples it has.
            #expect(json?["usage"]?["prompt_tokens"] == 5 && json?["usage"]?["completion_tokens"] == 8)
            #expect(json?["usage"]?["prompt_tokens_details"] == ["cached_tokens": 4])
        }
    }

    @Test func aStreamOfACompletionCarriesDeltas() async throws {
        try await withFront { server in
            let answer = try await server.post(
                "/v1/completions",
                ["prompt": "abc", "max_tokens": 4, "stream": true, "stream_options": ["include_usage": true]])
            #expect(answer.headers[.contentType] == "text/event-stream; charset=utf-8")
            #expect(answer.frames.last == "[DONE]")
            let texts = answer.events.compactMap { $0["choices"]?[0]?["text"]?.stringValue }
            #expect(texts.joined() == "abca")
            let usage = try #require(answer.events.last)
            #expect(usage["choices"] == [] && usage["usage"]?["completion_tokens"] == 4)
            #expect(answer.events.dropLast().allSatisfy { $0["usage"] == .null })
        }
    }

    @Test func logProbabilitiesOfCompletionsAreParallelArrays() async throws {
        try await withFront { server in
            let json = try await server.post(
                "/v1/completions", ["prompt": "ab", "max_tokens": 2, "logprobs": 2, "echo": true]
            ).json
            let logprobs = json?["choices"]?[0]?["logprobs"]
            #expect(logprobs?["tokens"] == ["a", "b", "a", "b"])
            #expect(logprobs?["text_offset"] == [-1, -1, -1, -1])
            #expect(logprobs?["token_logprobs"]?.arrayValue?.count == 4)
            #expect(logprobs?["top_logprobs"]?.arrayValue?.count == 4)
        }
    }

    @Test(arguments: [FrontSetup.router, .live])
    func aChatIsTemplatedAndAnswered(_ setup: FrontSetup) async throws {
        try await withFront(setup) { server in
            let json = try await server.post(
                "/v1/chat/completions", ["model": "m", "messages": hello, "max_tokens": 6]
            ).json
            #expect(server.ring.requests.first?.inputIDs == prompt.utf8.map(Int32.init))
            #expect(json?["object"] == "chat.completion")
            #expect(
                json?["choices"] == [
                    [
                        "index": 0, "message": ["role": "assistant", "content": "[user]", "reasoning_content": nil],
                        "logprobs": nil, "finish_reason": "length", "matched_stop": nil,
                    ]
                ])
        }
    }

    @Test func aStreamOfAChatOpensGrowsAndCloses() async throws {
        try await withFront { server in
            let answer = try await server.post(
                "/v1/chat/completions", ["messages": hello, "max_tokens": 3, "stream": true])
            let deltas = answer.events.compactMap { $0["choices"]?[0]?["delta"] }
            #expect(deltas.first == ["reasoning_content": nil, "role": "assistant", "content": ""])
            #expect(deltas.last == ["reasoning_content": nil])
            #expect(deltas.compactMap { $0["content"]?.stringValue }.joined() == "[us")
            #expect(answer.events.last?["choices"]?[0]?["finish_reason"] == "length")
            #expect(answer.frames.last == "[DONE]")
            #expect(answer.events.allSatisfy { $0["object"] == "chat.completion.chunk" && $0["usage"] == nil })
        }
    }

    @Test func theLastMessageOfTheAssistantIsContinuedOrTurned() async throws {
        try await withFront { server in
            var body: JSONObject = [
                "messages": [["role": "user", "content": "Hi"], ["role": "assistant", "content": "So"]],
                "max_tokens": 1,
            ]
            _ = try await server.post("/v1/chat/completions", .object(body))
            body["continue_final_message"] = true
            _ = try await server.post("/v1/chat/completions", .object(body))
            let prompts = server.ring.requests.map { String(decoding: $0.inputIDs.map { UInt8($0) }, as: UTF8.self) }
            #expect(prompts == ["[user] Hi\n[user] So\n[assistant] ", "[user] Hi\n[assistant] So"])
        }
    }

    @Test func modelDefaultsAreForChatOnly() async throws {
        try await withFront(configure: { $0.openAI.samplingDefaults = ["temperature": 0.5, "top_k": 20] }) { server in
            _ = try await server.post("/v1/chat/completions", ["messages": hello, "max_tokens": 1])
            _ = try await server.post("/v1/chat/completions", ["messages": hello, "max_tokens": 1, "top_k": 5])
            _ = try await server.post("/v1/completions", ["prompt": "a", "max_tokens": 1])
            let sampling = server.ring.requests.map(\.sampling)
            #expect(sampling.map(\.temperature) == [0.5, 0.5, 1])
            #expect(sampling.map(\.topK) == [20, 5, nil])
        }
    }

    @Test func toolsAreShownToTheTemplateUnlessTheyAreSwitchedOff() async throws {
        try await withFront(configure: { $0.toolCallParser = "qwen25" }) { server in
            let tools: JSONValue = [["type": "function", "function": ["name": "f"]]]
            for choice: JSONValue in ["auto", "none"] {
                _ = try await server.post(
                    "/v1/chat/completions",
                    ["messages": hello, "max_tokens": 1, "tools": tools, "tool_choice": choice])
            }
            let prompts = server.ring.requests.map { String(decoding: $0.inputIDs.map { UInt8($0) }, as: UTF8.self) }
            #expect(prompts.map { $0.contains("\"name\": \"f\"") } == [true, false])
            #expect(server.ring.requests.map(\.sampling.skipSpecialTokens) == [false, true])
        }
    }

    @Test func callsBecomeToolCalls() async throws {
        let call = "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 1}}</tool_call>"
        try await withFront(configure: { $0.toolCallParser = "qwen" }) { server in
            // The fake repeats the prompt: a prompt that is a call is answered by the call.
            let body: JSONObject = [
                "messages": hello, "input_ids": .array(call.utf8.map { JSONValue($0) }),
                "max_tokens": JSONValue(call.utf8.count), "tools": [["type": "function", "function": ["name": "f"]]],
            ]
            let json = try await server.post("/v1/chat/completions", .object(body)).json
            let made = json?["choices"]?[0]?["message"]?["tool_calls"]?[0]
            #expect(made?["function"] == ["name": "f", "arguments": "{\"x\": 1}"])
            #expect(made?["id"]?.stringValue?.hasPrefix("call_") == true)
            #expect(json?["choices"]?[0]?["message"]?["content"] == "")

            var streamed = body
            streamed["stream"] = true
            let answer = try await server.post("/v1/chat/completions", .object(streamed))
            let calls = answer.events.compactMap { $0["choices"]?[0]?["delta"]?["tool_calls"]?[0] }
            #expect(calls.first?["function"]?["name"] == "f")
            let arguments = calls.compactMap { $0["function"]?["arguments"]?.stringValue }.joined()
            #expect(arguments == "{\"x\": 1}")
        }
    }

    @Test(
        arguments: [
            ("/v1/completions", ["prompt": ""], "Prompt cannot be empty"),
            ("/v1/completions", ["prompt": []], "Prompt cannot be empty"),
            ("/v1/completions", ["prompt": "a", "max_tokens": 0], "max_tokens must be positive"),
            ("/v1/completions", ["prompt": "a", "max_tokens": 99_999], "Requested token count exceeds"),
            ("/v1/completions", ["prompt": "a", "suffix": "b"], "suffix is not supported"),
            ("/v1/chat/completions", ["messages": []], "Messages cannot be empty."),
            ("/v1/chat/completions", ["messages": [["role": "robot", "content": "x"]]], "'role' must be one of"),
            (
                "/v1/chat/completions", ["messages": [["role": "user", "content": [["type": "image_url"]]]]],
                "received unsupported content type 'image_url'"
            ),
            (
                "/v1/chat/completions", ["messages": [["role": "user", "content": "x"]], "tool_choice": "required"],
                "Tools cannot be empty if tool choice is set to required."
            ),
            (
                "/v1/chat/completions", ["messages": [["role": "user", "content": "x"]], "logit_bias": ["99999": 1]],
                "logit_bias must has keys in [0, 299], got 99999."
            ),
            (
                "/v1/chat/completions",
                ["messages": [["role": "user", "content": "x"]], "chat_template_kwargs": ["chat_template": "x"]],
                "Request-supplied chat_template is not allowed."
            ),
            (
                "/v1/chat/completions", ["messages": [["role": "user", "content": "x"]], "regex": "a("],
                "Failed to compile regex grammar: pattern a(: an unclosed group"
            ),
        ] as [(String, JSONValue, String)])
    func refusalsAreFlatAndRealStatuses(_ path: String, _ body: JSONValue, _ message: String) async throws {
        try await withFront { server in
            for stream: JSONValue in [false, true] {
                var asked = body.objectValue ?? [:]
                asked["stream"] = stream
                let answer = try await server.post(path, .object(asked))
                #expect(answer.status == 400)
                #expect(answer.json?["message"]?.stringValue?.contains(message) == true, "\(answer.text)")
                #expect(answer.json?["object"] == "error" && answer.json?["code"] == 400)
            }
            #expect(server.ring.requests.isEmpty)
        }
    }

    @Test func messagesAreTokenisedAsAChatSendsThem() async throws {
        try await withFront { server in
            let tokens = try await server.post("/tokenize", ["messages": hello]).json
            #expect(tokens?["tokens"]?.arrayValue?.compactMap(\.intValue) == prompt.utf8.map { Int($0) })
            let bare = try await server.post("/tokenize", ["messages": hello, "add_generation_prompt": false]).json
            #expect(bare?["count"] == JSONValue("[user] Hello\n".utf8.count))
        }
    }
}
