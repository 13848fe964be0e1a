import ApusCore
import ApusJSON
import ApusWire
import HTTPTypes
import HummingbirdTesting
import Testing

@testable import ApusFront

@Suite struct AnthropicTests {
    private let hello: JSONValue = [["role": "user", "content": "Hello"]]

    @Test func aMessageHasItsShape() async throws {
        try await withFront { server in
            let answer = try await server.post(
                "/v1/messages",
                ["model": "m", "max_tokens": 4, "messages": hello, "system": [["type": "text", "text": "Be."]]])
            #expect(answer.status == 200)
            let json = try #require(answer.json)
            #expect(json["id"]?.stringValue?.hasPrefix("msg_") == true)
            #expect(json["type"] == "message" && json["role"] == "assistant" && json["model"] == "m")
            #expect(json["content"] == [["type": "text", "text": "[sys"]])
            #expect(json["stop_reason"] == "max_tokens" && json["stop_sequence"] == .null)
            #expect(json["usage"] == ["input_tokens": 38, "output_tokens": 4])
            let count = try await server.post(
                "/v1/messages/count_tokens", ["model": "m", "messages": hello, "system": "Be."])
            #expect(count.json == ["input_tokens": 38])
        }
    }

    @Test func aStreamIsEvents() async throws {
        try await withFront(.live) { server in
            let answer = try await server.post(
                "/v1/messages", ["model": "m", "max_tokens": 3, "messages": hello, "stream": true])
            #expect(answer.headers[.contentType] == "text/event-stream; charset=utf-8")
            var kinds: [String] = []
            var text = ""
            for block in answer.text.components(separatedBy: "\n\n") where !block.isEmpty {
                let lines = block.split(separator: "\n")
                let json = try JSONValue(parsing: String(lines[1].dropFirst(6)))
                let kind = try #require(json["type"]?.stringValue)
                #expect(lines[0] == "event: \(kind)")
                if kinds.last != kind { kinds.append(kind) }
                text += json["delta"]?["text"]?.stringValue ?? ""
                if kind == "message_delta" { #expect(json["delta"]?["stop_reason"] == "max_tokens") }
            }
            #expect(
                kinds == [
                    "message_start", "content_block_start", "content_block_delta", "content_block_stop",
                    "message_delta", "message_stop",
                ])
            #expect(text == "[us")
        }
    }

    @Test func toolsAndTheirResultsGoBothWays() async throws {
        let call = #"<tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call>"#
        let tools: JSONValue = [["name": "f", "input_schema": ["type": "object"]]]
        try await withFront(configure: { $0.toolCallParser = "hermes" }) { server in
            server.ring.setScript { request, ring in
                let text = Array("Well. \(call)".utf8)
                var delta = FakeRing.delta(request, 0..<0, finish: .stopToken(256))
                (delta.text, delta.ids) = (String(decoding: text, as: UTF8.self), text.map(Int32.init))
                delta.usage.completionTokens = text.count
                ring.say(.detokenizer(.deltas([delta])))
            }
            let body: JSONObject = ["model": "m", "max_tokens": 90, "messages": hello, "tools": tools]
            let answer = try await server.post("/v1/messages", .object(body))
            #expect(answer.json?["stop_reason"] == "tool_use")
            #expect(answer.json?["content"]?[0] == ["type": "text", "text": "Well. "])
            #expect(answer.json?["content"]?[1]?["input"] == ["x": 1])
            #expect(answer.json?["content"]?[1]?["name"] == "f")
            var streamed = body
            streamed["stream"] = true
            let stream = try await server.post("/v1/messages", .object(streamed)).text
            #expect(stream.contains(#""type":"tool_use""#) && stream.contains(#""partial_json":"{\"x\": 1}""#))
            #expect(stream.contains(#""stop_reason":"tool_use""#))

            server.ring.setScript(FakeRing.echo)
            let turns: JSONValue = [
                ["role": "user", "content": "Q"],
                [
                    "role": "assistant",
                    "content": [["type": "tool_use", "id": "t", "name": "f", "input": ["x": 1]]],
                ],
                ["role": "user", "content": [["type": "tool_result", "tool_use_id": "t", "content": "42"]]],
            ]
            _ = try await server.post("/v1/messages", ["model": "m", "max_tokens": 1, "messages": turns])
            let prompt = ByteCodec().decode(try #require(server.ring.requests.last?.inputIDs), skipSpecialTokens: true)
            #expect(prompt == "[user] Q\n[assistant] \n[tool] 42\n[assistant] ")
        }
    }

    @Test func errorsHaveTheirOwnEnvelope() async throws {
        try await withFront(configure: { $0.access.apiKey = "k" }) { server in
            let field = try #require(HTTPField.Name("x-api-key"))
            let body: JSONValue = ["model": "m", "messages": hello]
            // A key is a bearer on every route.
            let locked = try await server.post("/v1/messages", body, headers: [field: "k"])
            #expect(locked.status == 401 && locked.json == ["error": "Unauthorized"])
            let key: HTTPFields = [.authorization: "Bearer k"]
            let bare = try await server.post("/v1/messages", body, headers: key)
            #expect(bare.status == 400)
            #expect(
                bare.json == [
                    "type": "error",
                    "error": ["type": "invalid_request_error", "message": "max_tokens: the field is required"],
                ])
            for content: JSONValue in [[["type": "image"]], [["type": "text"]], 1, [["text": "a"]]] {
                let answer = try await server.post(
                    "/v1/messages",
                    ["model": "m", "max_tokens": 1, "messages": [["role": "user", "content": content]]],
                    headers: key)
                #expect(answer.status == 400, "\(content)")
                #expect(answer.json?["type"] == "error")
            }
        }
    }
}
