import ApusCore
import ApusJSON
import ApusWire
import Hummingbird
import HummingbirdTesting
import Testing

@testable import ApusFront

@Suite struct GenerateTests {
    @Test(arguments: [FrontSetup.router, .live])
    func aPromptIsContinued(_ setup: FrontSetup) async throws {
        try await withFront(setup) { server in
            let answer = try await server.generate(["text": "abc", "sampling_params": ["max_new_tokens": 5]])
            #expect(answer.status == 200)
            #expect(answer.headers[.contentType] == "application/json")
            let json = try #require(answer.json)
            #expect(json["text"] == "abcab")
            #expect(json["output_ids"] == [97, 98, 99, 97, 98])
            #expect(json.objectValue?.keys == ["text", "output_ids", "meta_info"])
            let meta = try #require(json["meta_info"]?.objectValue)
            #expect(
                Set(meta.keys) == [
                    "id", "finish_reason", "prompt_tokens", "weight_version", "num_retractions", "total_retractions",
                    "reasoning_tokens", "completion_tokens", "cached_tokens", "weight_versions",
                    "cached_tokens_details", "dp_rank", "e2e_latency", "response_sent_to_client_ts",
                ])
            #expect(meta["finish_reason"] == ["type": "length", "length": 5])
            #expect(meta["weight_versions"] == [["version": "default", "start": 0, "end": 5]])
            #expect(meta["cached_tokens_details"] == ["device": 2, "host": 0])
            #expect(meta["prompt_tokens"] == 3)
            #expect(meta["id"]?.stringValue?.utf8.count == 32)
            #expect(await server.ring.waits { $0.released == $0.requests.map(\.rid) })
        }
    }

    @Test(arguments: [FrontSetup.router, .live])
    func aStreamIsCumulative(_ setup: FrontSetup) async throws {
        try await withFront(setup) { server in
            let answer = try await server.generate([
                "text": "abc", "stream": true, "rid": "mine", "sampling_params": ["max_new_tokens": 4],
            ])
            #expect(answer.status == 200)
            #expect(answer.headers[.contentType] == "text/event-stream; charset=utf-8")
            #expect(answer.frames.last == "[DONE]")
            let events = answer.events
            let last = try #require(events.last)
            #expect(last["text"] == "abca")
            #expect(last["output_ids"] == [97, 98, 99, 97])
            #expect(last["meta_info"]?["finish_reason"] == ["type": "length", "length": 4])
            #expect(events.allSatisfy { $0["meta_info"]?["id"] == "mine" && $0["index"] == nil })
            for event in events.dropLast() {
                #expect(event["meta_info"]?["finish_reason"] == .null)
                #expect(event["meta_info"]?["e2e_latency"] == nil)
                #expect("abca".hasPrefix(try #require(event["text"]?.stringValue)))
            }
            for (number, event) in events.enumerated() {
                #expect((event["meta_info"]?["response_sent_to_client_ts"] != nil) == (number == 0))
            }
        }
    }

    @Test func incrementalChunksJoinToTheBufferedAnswer() async throws {
        let body: JSONValue = [
            "text": "xyz", "return_logprob": true, "sampling_params": ["max_new_tokens": 9],
        ]
        try await withFront(configure: { $0.incrementalStreaming = true }) { server in
            let buffered = try #require(try await server.generate(body).json)
            var streamed = body.objectValue ?? JSONObject()
            streamed["stream"] = true
            let events = try await server.generate(.object(streamed)).events
            #expect(events.compactMap { $0["text"]?.stringValue }.joined() == buffered["text"]?.stringValue)
            #expect(events.flatMap { $0["output_ids"]?.arrayValue ?? [] } == buffered["output_ids"]?.arrayValue)
            let rows = events.flatMap { $0["meta_info"]?["output_token_logprobs"]?.arrayValue ?? [] }
            #expect(rows == buffered["meta_info"]?["output_token_logprobs"]?.arrayValue)
            #expect(events.last?["meta_info"]?["output_token_logprobs_length"] == 9)
        }
    }

    @Test func aListIsABatchEvenOfOne() async throws {
        try await withFront { server in
            let one = try await server.generate(["text": ["a"], "sampling_params": ["max_new_tokens": 1]])
            #expect(one.json?.arrayValue?.count == 1)
            let none = try await server.generate(["text": []])
            #expect(none.status == 200)
            #expect(none.text == "[]")
            let two = try await server.generate([
                "text": ["a", "b"], "rid": "r", "sampling_params": [["max_new_tokens": 1], ["max_new_tokens": 2]],
            ])
            #expect(two.json?[0]?["text"] == "a")
            #expect(two.json?[1]?["text"] == "bb")
            #expect(two.json?[1]?["meta_info"]?["id"] == "r_1")
        }
    }

    @Test func severalSamplesWarmTheCacheFirst() async throws {
        try await withFront { server in
            let answer = try await server.generate([
                "text": ["a", "b"], "rid": "mine",
                "sampling_params": ["max_new_tokens": 2, "n": 2, "sampling_seed": 7],
            ])
            #expect(answer.json?.arrayValue?.map { $0["text"] } == ["aa", "aa", "bb", "bb"])
            #expect(answer.json?.arrayValue?.allSatisfy { $0["meta_info"]?["id"] != "mine" } == true)
            let requests = server.ring.requests
            #expect(requests.map(\.sampling.maxNewTokens) == [0, 0, 2, 2, 2, 2])
            #expect(requests.dropFirst(2).map(\.sampling.seed) == [7, 8, 7, 8])
        }
    }

    @Test func aStreamedBatchNamesItsSamples() async throws {
        try await withFront { server in
            let answer = try await server.generate([
                "text": "ab", "stream": true, "sampling_params": ["max_new_tokens": 3, "n": 2],
            ])
            let indices = answer.events.map { $0["index"]?.intValue }
            #expect(Set(indices) == [0, 1])
            for index in 0..<2 {
                let last = answer.events.last { $0["index"]?.intValue == index }
                #expect(last?["text"] == "aba")
                #expect(last?["meta_info"]?["finish_reason"] == ["type": "length", "length": 3])
            }
        }
    }

    @Test func vertexTakesInstances() async throws {
        try await withFront { server in
            let answer = try await server.post(
                "/vertex_generate",
                [
                    "instances": [["text": "ab"], ["text": "cd"]],
                    "parameters": ["sampling_params": ["max_new_tokens": 1]],
                ])
            let texts = answer.json?["predictions"]?.arrayValue?.compactMap { $0["text"]?.stringValue }
            #expect(texts == ["a", "c"])
            #expect(try await server.post("/vertex_generate", ["instances": []]).json == ["predictions": []])
            #expect(try await server.post("/vertex_generate", ["instances": [[:]]]).status == 400)
            #expect(try await server.post("/vertex_generate", [:]).status == 400)
        }
    }

    @Test func vectorsStandForPrompts() async throws {
        try await withFront(configure: { $0.isRadixCacheDisabled = true }) { server in
            let one: JSONValue = [[1, 0.5], [-2, 3]]
            let single = try await server.generate(["input_embeds": one, "sampling_params": ["max_new_tokens": 1]])
            #expect(single.status == 200 && single.json?["meta_info"]?["prompt_tokens"] == 2)
            let batch = try await server.generate(
                ["input_embeds": [one, [[4, 5]]], "text": ["x", "y"], "sampling_params": ["max_new_tokens": 1]])
            #expect(batch.json?.arrayValue?.count == 2)
            #expect(server.ring.requests.map(\.inputEmbeddings) == [[1, 0.5, -2, 3], [1, 0.5, -2, 3], [4, 5]])
            #expect(server.ring.requests.map(\.inputIDs) == [[0, 0], [0, 0], [0]])
            let bad: [JSONValue] = [[], [1], [[1], [1, 2]], [["a"]], [[[1]], 2], [[]], "a", [[[1]], []]]
            for value in bad {
                let refused = try await server.generate(["input_embeds": value])
                #expect(refused.status == 400, "\(value) \(refused.text)")
            }
            // Each sample would carry its own.
            let wide = JSONValue.array(Array(repeating: 0, count: 6_000))
            let refused = try await server.generate(["input_embeds": [wide], "sampling_params": ["n": 4_096]])
            #expect(refused.status == 400 && refused.text.contains("at most 16777216 numbers"), "\(refused.text)")
        }
        try await withFront { server in
            let refused = try await server.generate(["input_embeds": [[1]]])
            #expect(refused.status == 400 && refused.text.contains("--disable-radix-cache"))
        }
    }
}
