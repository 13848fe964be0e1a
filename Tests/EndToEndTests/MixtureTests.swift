import ApusCore
import ApusJSON
import ApusTestSupport
import Testing

extension EndToEnd {
    /// Mixtures of experts whose weights are rounded at load.
    @Suite
    struct MixtureTests {
        /// What is told of a prompt is nearly what transformers tells in float32, but not what bfloat16 would tell; and a
        /// request has the same bits alone, among others, with a cached prefix and while experts are recorded.
        @Test(arguments: ["qwen2-moe", "qwen3-moe"], ["w8a8_int8", "int4"])
        func `quantised experts answer`(name: String, quantization: String) throws {
            let goldens = try ModelGolden.all(name)
            let prompts = goldens.map { golden in JSONValue.array(golden.prompt.map { JSONValue($0) }) }
            let server = try Server.serving(
                Fixture.model(name), ["--quantization", quantization, "--random-seed", "7"])
            let client = HTTPClient(port: server.port)
            let alone = try prompts.map { try parts(of: client.post("/generate", request($0)).json()) }
            let plain = try Server.serving(Fixture.model(name), ["--random-seed", "7"])
            let rounded = try prompts.map {
                try parts(of: HTTPClient(port: plain.port).post("/generate", request($0)).json())
            }
            var errors: [Double] = []
            for (index, golden) in goldens.enumerated() {
                let found = alone[index].input.compactMap { $0.arrayValue?.first?.doubleValue }
                #expect(found.count == golden.logprobs.count && !found.isEmpty)
                for (a, b) in zip(found, golden.logprobs) { errors.append(abs(a - Double(b))) }
                #expect(alone[index].input != rounded[index].input)
                #expect(alone[index].ids.count == 12)
            }
            // Random weights magnify rounding; between numbers that have nothing to do with each other lie 3.7.
            let median = errors.sorted()[errors.count / 2]
            #expect(median < (quantization == "int4" ? 1.7 : 0.25), "\(median)")

            #expect(try client.post("/flush_cache", [:]).status == 200)
            #expect(try client.post("/start_expert_distribution_record", [:]).status == 200)
            for _ in 0..<2 {
                let together = try client.post("/generate", request(.array(prompts))).json()
                for (index, expected) in alone.enumerated() {
                    #expect(parts(of: together[index] ?? .null) == expected)
                }
            }
            #expect(try client.post("/stop_expert_distribution_record", [:]).status == 200)

            // Log-probabilities of a prompt need all of it to be computed; without them its prefix is in the cache.
            var plainRequest = request(prompts[0]).objectValue ?? [:]
            plainRequest["return_logprob"] = false
            let cached = try client.post("/generate", .object(plainRequest)).json()
            #expect(cached["output_ids"]?.arrayValue == alone[0].ids)
            #expect((cached["meta_info"]?["cached_tokens"]?.intValue ?? 0) > 0)
            let info = try client.get("/get_server_info").json()
            #expect(info["quantization"]?.stringValue == (quantization == "int4" ? "int4-32" : quantization))
        }

        private struct Parts: Equatable {
            var ids: [JSONValue]
            var input: [JSONValue]
            var output: [JSONValue]
        }

        private func parts(of answer: JSONValue) -> Parts {
            let meta = answer["meta_info"]
            return Parts(
                ids: answer["output_ids"]?.arrayValue ?? [],
                input: Array((meta?["input_token_logprobs"]?.arrayValue ?? []).dropFirst()),
                output: meta?["output_token_logprobs"]?.arrayValue ?? [])
        }

        private func request(_ ids: JSONValue) -> JSONValue {
            [
                "input_ids": ids, "return_logprob": true, "logprob_start_len": 0,
                "sampling_params": ["temperature": 0, "max_new_tokens": 12, "ignore_eos": true],
            ]
        }
    }
}
