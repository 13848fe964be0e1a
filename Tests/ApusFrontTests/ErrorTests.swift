import ApusCore
import ApusJSON
import ApusWire
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@testable import ApusFront

@Suite struct ErrorTests {
    /// Refusals of `/generate` in the native shape, with the contract's words.
    @Test func refusals() async throws {
        let cases: [(JSONValue, String)] = [
            ([:], "Either text, input_ids or input_embeds should be provided."),
            (["input_ids": []], "input_ids cannot be empty."),
            (["input_ids": [[]]], "input_ids cannot be empty."),
            (["text": ""], "The prompt is empty: it has no tokens."),
            (["input_ids": [-1]], "Token ID -1 is out of vocabulary (vocab size: 300)"),
            (["input_ids": [1, 300]], "Token ID 300 is out of vocabulary (vocab size: 300)"),
            (
                ["text": .string(String(repeating: "a", count: 128))],
                "The input (128 tokens) is longer than the model's context length (128 tokens)."
            ),
            (
                ["text": "abc", "sampling_params": ["max_new_tokens": 126]],
                "Requested token count exceeds the model's maximum context length of 128 tokens. You requested a total "
                    + "of 129 tokens: 3 tokens from the input messages and 126 tokens for the completion. Please reduce "
                    + "the number of tokens in the input messages or the completion to fit within the limit."
            ),
            (
                ["text": ["a", "b"], "sampling_params": [[:]]],
                "The length of sampling_params (1) must equal the batch size (2)."
            ),
            (
                ["text": ["a", "b"], "rid": ["x"]],
                "The specified rids length mismatch with the batch_size for batch processing."
            ),
            (
                ["text": ["a", "b"], "rid": ["x", "x"]],
                "Duplicate request IDs detected within the request: ['x']"
            ),
            (
                ["text": ["a", "b"], "sampling_params": [["n": 1], ["n": 2]]],
                "The parallel_sample_num should be the same for all samples in sample params."
            ),
            (
                ["text": "a", "sampling_params": ["n": 2], "return_logprob": [true]],
                "Cannot use list return_logprob with parallel_sample_num > 1"
            ),
            (
                ["text": "abc", "return_logprob": true, "logprob_start_len": 4],
                "logprob_start_len (4) is higher than the number of input tokens (3). "
                    + "Please use a smaller logprob_start_len."
            ),
            (
                ["text": "abc", "return_logprob": true, "logprob_start_len": -2],
                "logprob_start_len must be -1 or at least 0, got -2."
            ),
            (
                ["text": "abc", "return_logprob": true, "token_ids_logprob": [300]],
                "Token ID 300 is out of vocabulary (vocab size: 300)"
            ),
            (
                ["text": "a", "return_hidden_states": true],
                "The server is not configured to return hidden states. Please set `--return-hidden-states-mode last`, "
                    + "`--return-hidden-states-mode full`, or the legacy `--enable-return-hidden-states` flag."
            ),
            (
                ["text": "a", "custom_logit_processor": "x"],
                "The server is not configured to enable custom logit processor. "
                    + "Please set `--enable-custom-logit-processor` to enable this feature."
            ),
            (["text": "a", "session_params": ["id": "s1"]], "Invalid request: session id s1 does not exist"),
            (
                ["text": "a", "max_thinking_tokens": 4],
                "max_thinking_tokens requires the server to be launched with --enable-strict-thinking"
            ),
            (["text": "a", "lora_path": "x"], "lora_path is not supported by this version yet."),
            (["text": "a", "image_data": "x"], "image_data is not supported by this version yet."),
            (
                ["text": "a", "sampling_params": ["stop_regex": ["b", "a("]]],
                "invalid stop_regex 'a(': an unclosed group at character 2"
            ),
            (
                ["text": "a", "sampling_params": ["json_schema": #"{"uniqueItems":true}"#]],
                "Failed to compile json grammar: unsupported keyword 'uniqueItems' at #"
            ),
            (
                ["text": "a", "sampling_params": ["regex": "(?=a)"]],
                "Failed to compile regex grammar: look-ahead in a pattern"
            ),
            (
                ["text": "a", "sampling_params": ["ebnf": "root ::= a"]],
                "Failed to compile ebnf grammar: rule 'a' is not defined"
            ),
            (
                ["text": "a", "sampling_params": ["structural_tag": "{}"]],
                "Failed to compile structural_tag grammar: type: expected 'structural_tag'"
            ),
            (
                ["text": "a", "sampling_params": ["ebnf": "x", "regex": "("]],
                "Only one of json_schema, regex, ebnf, or structural_tag can be set."
            ),
        ]
        try await withFront { server in
            for (body, message) in cases {
                let answer = try await server.generate(body)
                #expect(answer.status == 400, "\(body)")
                #expect(answer.json == ["error": ["message": .string(message)]])
                // The same inside a stream is a frame.
                var streamed = try #require(body.objectValue)
                streamed["stream"] = true
                let stream = try await server.generate(.object(streamed))
                #expect(stream.status == 200)
                #expect(
                    stream.events == [
                        [
                            "error": [
                                "message": .string(message), "type": "invalid_request_error", "code": 400,
                                "retryable": false,
                            ]
                        ]
                    ])
                #expect(stream.frames.last == "[DONE]")
            }
            #expect(server.ring.requests.isEmpty)
        }
    }

    @Test func theStrictCheckComesBeforeTheSchema() async throws {
        let cases: [(JSONValue, String)] = [
            (["text": 5, "sampling_params": ["temperature": "0.5"]], #"invalid type: string "0.5", expected f64"#),
            (["sampling_params": ["max_new_tokens": 1.5]], "invalid type: floating point `1.5`, expected i64"),
            (["sampling_params": ["ignore_eos": "yes"]], #"invalid type: string "yes", expected a boolean"#),
            (["sampling_params": ["top_p": true]], "invalid type: boolean `true`, expected f64"),
            (
                ["return_hidden_states": "last"],
                #"invalid type: string "last", expected a value or an array of values for BoolOrList"#
            ),
        ]
        try await withFront { server in
            for (body, message) in cases {
                let answer = try await server.generate(body)
                #expect(answer.status == 400)
                #expect(answer.json == ["error": .string(message)])
            }
            let unknown = try await server.generate(["text": "a", "stream": true, "sampling_params": ["topp": 1]])
            #expect(unknown.status == 400)
            let text = try #require(unknown.json?["error"]?.stringValue)
            #expect(text.hasPrefix("unknown field `topp`, expected one of `max_new_tokens`, `stop`, `stop_token_ids`,"))
            #expect(text.hasSuffix("`custom_params`, `beam_width`, `watermark`, `choice`"))
        }
    }

    @Test func schemaErrors() async throws {
        let cases: [JSONValue] = [
            ["text": ["a", 5]], ["text": 5], ["sampling_params": "x"], ["text": "a", "stream": "yes"],
            ["input_ids": [1.5]], ["input_ids": [1, [2]]], ["text": "a", "rid": 5],
        ]
        try await withFront { server in
            for body in cases {
                let answer = try await server.generate(body)
                #expect(answer.status == 400, "\(body)")
                expectSchemaShape(answer)
            }
            for raw in ["[1]", "", "{", #"{"a":NaN}"#, #"{"a":99999999999999999999}"#, "\u{FEFF}{}"] {
                expectSchemaShape(
                    try await server.send(
                        .post, "/generate", headers: [.contentType: "application/json"], raw: raw))
            }
            for type in [nil, "text/plain", "application/jsonx"] {
                var headers = HTTPFields()
                headers[.contentType] = type
                let answer = try await server.send(.post, "/generate", headers: headers, raw: #"{"text":"a"}"#)
                #expect(answer.status == 400)
                expectSchemaShape(answer)
            }
        }
    }

    private func expectSchemaShape(_ answer: TestServer.Answer) {
        #expect(answer.json?.objectValue?.keys == ["object", "message", "type", "param", "code"])
        #expect(answer.json?["object"] == "error")
        #expect(answer.json?["type"] == "Bad Request")
        #expect(answer.json?["code"] == 400)
    }

    @Test func nullIsAbsentAndCurlsFormTypeIsAccepted() async throws {
        try await withFront { server in
            let answer = try await server.generate([
                "text": "a", "stream": nil, "input_ids": nil, "rid": nil, "return_logprob": nil, "unknown": 1,
                "sampling_params": ["max_new_tokens": 1, "stop": nil, "top_k": nil, "logit_bias": nil],
            ])
            #expect(answer.json?["text"] == "a")
            let form = try await server.send(
                .post, "/generate", headers: [.contentType: "application/x-www-form-urlencoded"],
                raw: #"{"text":"a","sampling_params":{"max_new_tokens":1}}"#)
            #expect(form.json?["text"] == "a")
            let abort = try await server.send(
                .post, "/abort_request", headers: [.contentType: "application/x-www-form-urlencoded"], raw: "{}")
            #expect(abort.status == 400)
        }
    }

    @Test func whatTheSchedulerRefuses() async throws {
        let script: FakeRing.Script = { request, ring in
            let isFull = request.inputIDs.count == 1
            let finish: FinishReason =
                isFull
                ? .refused("The request queue is full.", status: 503) : .refused("Too long.", status: 400)
            ring.say(.scheduler(.ended([EndedRequest(rid: request.rid, finish: finish)])))
        }
        try await withFront(script: script) { server in
            let full = try await server.generate(["text": "a"])
            #expect(full.status == 503)
            #expect(
                full.json == [
                    "object": "error", "message": "The request queue is full.", "type": "503", "param": nil,
                    "code": 503,
                ])
            let long = try await server.generate(["text": "ab"])
            #expect(long.status == 400)
            #expect(long.json == ["error": ["message": "Too long."]])
            let stream = try await server.generate(["text": "a", "stream": true])
            #expect(stream.status == 200)
            #expect(stream.events.count == 1)
            let meta = stream.events[0]["meta_info"]
            #expect(
                meta?["finish_reason"] == [
                    "type": "abort", "status_code": 503, "message": "The request queue is full.",
                ])
            #expect(
                Set(meta?.objectValue?.keys ?? []) == [
                    "id", "finish_reason", "weight_version", "e2e_latency", "weight_versions", "completion_tokens",
                    "response_sent_to_client_ts",
                ])
            // One bad item fails the whole batch.
            let batch = try await server.generate(["text": ["a", "ab"]])
            #expect(batch.status == 503 || batch.status == 400)
        }
    }

    @Test func nothingIsTakenWithoutAScheduler() async throws {
        try await withFront(isReady: false, isUp: false) { server in
            let answer = try await server.generate(["text": "a"])
            #expect(answer.status == 503)
            #expect(answer.json?["type"] == "503")
            let stream = try await server.generate(["text": "a", "stream": true])
            #expect(stream.events.first?["error"]?["code"] == 503)
            #expect(stream.events.first?["error"]?["retryable"] == true)
            #expect(try await server.get("/health").status == 503)
            #expect(try await server.get("/ready").status == 503)
        }
    }
}
