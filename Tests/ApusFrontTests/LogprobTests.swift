import ApusJSON
import ApusWire
import Testing

@testable import ApusFront

@Suite struct LogprobTests {
    @Test func outputAndPromptRows() async throws {
        try await withFront { server in
            let answer = try await server.generate([
                "text": "abc", "return_logprob": true, "top_logprobs_num": 2, "token_ids_logprob": [7],
                "logprob_start_len": 1, "return_text_in_logprobs": true, "return_prompt_token_ids": true,
                "sampling_params": ["max_new_tokens": 2],
            ])
            let lowest = -3.4028234663852886e38
            let meta = try #require(answer.json?["meta_info"])
            #expect(meta["output_token_logprobs"] == [[-0.5, 97, "a"], [-0.5, 98, "b"]])
            #expect(meta["output_token_logprobs_length"] == 2)
            #expect(meta["output_top_logprobs"]?[1] == [[0.0, 0, "\u{0}"], [-1.0, 1, "\u{1}"]])
            #expect(meta["output_token_ids_logprobs"]?[0] == [[.double(lowest), 7, "\u{7}"]])
            #expect(meta["input_token_logprobs"] == [[nil, 98, "b"], [-0.5, 99, "c"]])
            #expect(meta["input_top_logprobs"]?[0] == .null)
            #expect(meta["input_top_logprobs"]?[1]?.arrayValue?.count == 2)
            #expect(meta["input_token_ids_logprobs"]?[0] == .null)
            #expect(answer.json?["prompt_token_ids"] == [97, 98, 99])
            #expect(server.ring.requests[0].logprobs == LogprobRequest(promptStart: 1, topCount: 2, tokenIDs: [7]))
        }
    }

    @Test func nothingOfThePromptUnlessAsked() async throws {
        try await withFront { server in
            for start in [-1, 3] as [JSONValue] {
                let answer = try await server.generate([
                    "text": "abc", "return_logprob": true, "logprob_start_len": start,
                    "sampling_params": ["max_new_tokens": 0],
                ])
                let meta = try #require(answer.json?["meta_info"]?.objectValue)
                #expect(meta["input_token_logprobs"] == [])
                #expect(meta["output_token_logprobs"] == [])
                #expect(meta["output_token_logprobs_length"] == 0)
                #expect(meta["input_top_logprobs"] == nil && meta["output_token_ids_logprobs"] == nil)
            }
            let plain = try await server.generate(["text": "abc", "logprob_start_len": 99, "top_logprobs_num": 2])
            #expect(plain.json?["meta_info"]?["output_token_logprobs"] == nil)
            #expect(server.ring.requests.last?.logprobs == nil)
        }
    }

    @Test func eachPromptOfABatchHasItsOwn() async throws {
        try await withFront { server in
            let answer = try await server.generate([
                "text": ["a", "b"], "return_logprob": [false, true], "top_logprobs_num": [0, 1],
                "token_ids_logprob": [[], [5, 6]], "sampling_params": ["max_new_tokens": 1],
            ])
            #expect(answer.json?[0]?["meta_info"]?["output_token_logprobs"] == nil)
            #expect(answer.json?[1]?["meta_info"]?["output_token_ids_logprobs"]?[0]?.arrayValue?.count == 2)
        }
    }

    @Test func timesAreShownOnRequest() async throws {
        try await withFront(configure: { $0.enableMetrics = true }) { server in
            let answer = try await server.generate(["text": "abc", "sampling_params": ["max_new_tokens": 5]])
            let meta = try #require(answer.json?["meta_info"])
            #expect(meta["queue_time"] == 0.5)
            #expect(meta["decode_throughput"] == 2.0)
            for key in [
                "request_received_ts", "api_server_dispatch_finish_ts", "request_finished_ts", "first_token_latency",
                "forward_entry_time", "prefill_finished_time", "storage_prefetch_wait", "storage_staging_wait",
            ] {
                #expect(meta[key]?.doubleValue != nil, "\(key)")
            }
        }
    }
}
