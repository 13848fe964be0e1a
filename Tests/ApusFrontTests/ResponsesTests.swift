import ApusJSON
import ApusWire
import HTTPTypes
import HummingbirdTesting
import Testing

@testable import ApusFront

@Suite struct ResponsesTests {
    @Test func aResponseHasItems() async throws {
        try await withFront { server in
            let answer = try await server.post(
                "/v1/responses", ["model": "m", "input": "Hello", "max_output_tokens": 3, "instructions": "Be."])
            let json = try #require(answer.json)
            #expect(json["object"] == "response" && json["id"]?.stringValue?.hasPrefix("resp_") == true)
            #expect(json["status"] == "incomplete" && json["incomplete_details"] == ["reason": "max_output_tokens"])
            #expect(json["output"]?[0]?["content"]?[0]?["text"] == "[sy")
            #expect(json["usage"]?["total_tokens"] == 41 && json["instructions"] == "Be.")
        }
    }

    @Test func aStreamTellsItemsAsTheyGrow() async throws {
        try await withFront(.live) { server in
            let answer = try await server.post(
                "/v1/responses", ["model": "m", "input": "Hello", "max_output_tokens": 3, "stream": true])
            var kinds: [String] = []
            var text = ""
            for (number, block) in answer.text.components(separatedBy: "\n\n").filter({ !$0.isEmpty }).enumerated() {
                let json = try JSONValue(parsing: String(block.split(separator: "\n")[1].dropFirst(6)))
                let kind = try #require(json["type"]?.stringValue)
                #expect(json["sequence_number"]?.intValue == number)
                if kinds.last != kind { kinds.append(kind) }
                if kind == "response.output_text.delta" { text += json["delta"]?.stringValue ?? "" }
            }
            #expect(
                kinds == [
                    "response.created", "response.in_progress", "response.output_item.added",
                    "response.content_part.added", "response.output_text.delta", "response.output_text.done",
                    "response.content_part.done", "response.output_item.done", "response.incomplete",
                ])
            #expect(text == "[us")
        }
    }

    @Test func itemsBecomeMessages() async throws {
        try await withFront { server in
            let items: JSONValue = [
                ["role": "user", "content": [["type": "input_text", "text": "Q"]]],
                ["type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"],
                ["type": "function_call_output", "call_id": "c", "output": "42"],
            ]
            _ = try await server.post("/v1/responses", ["model": "m", "input": items, "max_output_tokens": 1])
            let prompt = ByteCodec().decode(try #require(server.ring.requests.last?.inputIDs), skipSpecialTokens: true)
            #expect(prompt == "[user] Q\n[assistant] \n[tool] 42\n[assistant] ")
            for body: JSONValue in [
                ["model": "m"], ["input": 1], ["input": [["type": "item_reference"]]],
                ["input": "a", "previous_response_id": "resp_1"], ["input": "a", "background": true],
                ["input": "a", "tools": [["type": "web_search"]]],
            ] {
                #expect(try await server.post("/v1/responses", body).status == 400, "\(body)")
            }
        }
    }

    @Test func chatsShowWhatIsAskedFor() async throws {
        try await withFront { server in
            let rank = try #require(HTTPField.Name("X-Data-Parallel-Rank"))
            let body: JSONObject = [
                "messages": [["role": "user", "content": "a"]], "max_tokens": 2, "return_meta_info": true,
                "return_cached_tokens_details": true,
            ]
            let json = try await server.post("/v1/chat/completions", .object(body), headers: [rank: "0"]).json
            #expect(json?["sglext"] == ["cached_tokens_details": ["device": 2, "host": 0]])
            #expect(json?["choices"]?[0]?["meta_info"]?["completion_tokens"] == 2)
            let wrong = try await server.post("/v1/chat/completions", .object(body), headers: [rank: "x"])
            #expect(wrong.status == 400 && wrong.json?["type"] == "400")
            #expect(
                wrong.json?["message"] == "Invalid X-Data-Parallel-Rank header: must be an integer, got 'x'")
            for (effort, status) in [("low", 200), ("none", 200), (0.5, 200), (1.5, 400), ("much", 400)]
                as [(JSONValue, Int)]
            {
                let answer = try await server.post(
                    "/v1/chat/completions",
                    ["messages": [["role": "user", "content": "a"]], "max_tokens": 1, "reasoning_effort": effort])
                #expect(answer.status == status, "\(effort)")
            }
        }
    }
}
