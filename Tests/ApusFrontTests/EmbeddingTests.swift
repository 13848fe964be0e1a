import ApusCore
import ApusJSON
import ApusText
import ApusWire
import HTTPTypes
import Testing

@testable import ApusFront

/// Routes over models that make vectors; the fake ring's vector of a text is [sum, count, second segment] / 8.
@Suite struct EmbeddingTests {
    private func withEmbedder(
        _ traits: EmbeddingTraits = EmbeddingTraits(width: 3), configure: (inout FrontConfiguration) -> Void = { _ in },
        _ test: @Sendable (TestServer) async throws -> Void
    ) async throws {
        try await withFront(
            configure: { configuration in
                configuration.embedding = traits
                configure(&configuration)
            }, test)
    }

    private static let cross = EmbeddingTraits(width: 1, labels: ["LABEL_0"], isCrossEncoder: true, hasSegments: true)

    // MARK: - /encode, /classify

    @Test func encodeAnswersOneAndMany() async throws {
        try await withEmbedder { server in
            let one = try #require(try await server.post("/encode", ["text": "ab", "rid": "mine", "model": "m"]).json)
            #expect(one["embedding"] == [24.375, 0.25, 0.0])
            #expect(
                one["meta_info"]?.objectValue?.map(\.key) == [
                    "id", "finish_reason", "prompt_tokens", "weight_version", "num_retractions", "e2e_latency",
                    "response_sent_to_client_ts",
                ])
            #expect(one["meta_info"]?["id"] == "mine")
            #expect(one["meta_info"]?["finish_reason"] == ["type": "length", "length": 0])
            #expect(one["meta_info"]?["prompt_tokens"] == 2)
            let many = try await server.post("/classify", ["text": ["a", "ab"]]).json
            #expect(many?.arrayValue?.compactMap { $0["embedding"]?[1] } == [0.125, 0.25])
            let ids = try await server.post("/encode", ["input_ids": [[1], [2, 3]]]).json
            #expect(ids?[1]?["embedding"] == [0.625, 0.25, 0.0])
            #expect(try await server.post("/encode", ["input_ids": [8]]).json?["embedding"]?[0] == 1.0)
            #expect(try await server.post("/encode", ["text": []]).json == [])
            let put = try await server.send(
                .put, "/encode", headers: [.contentType: "application/json"], raw: #"{"text":"a"}"#)
            #expect(put.status == 200)
            #expect(try await server.get("/encode").headers[.allow] == "POST, PUT")
        }
    }

    @Test(arguments: [
        ("{}", "At least one of text, input_ids, image, video, or audio should be provided"),
        (#"{"text":"a","input_ids":[1]}"#, "text and input_ids cannot be provided at the same time"),
        (#"{"input_ids":[]}"#, "input_ids cannot be empty."),
        (#"{"input_ids":[[1],[]]}"#, "input_ids cannot be empty."),
        (#"{"text":""}"#, "The prompt is empty: it has no tokens."),
        (#"{"input_ids":[300]}"#, "Token ID 300 is out of vocabulary (vocab size: 300)"),
        (#"{"input_ids":[-1]}"#, "Token ID -1 is out of vocabulary (vocab size: 300)"),
        (
            #"{"text":["a","b"],"rid":["x"]}"#,
            "The specified rids length mismatch with the batch_size for batch processing."
        ),
        (
            #"{"text":"a","dimensions":2}"#,
            "Model 'tiny' does not support matryoshka representation, changing output dimensions will lead to poor "
                + "results."
        ),
        (#"{"text":"a","lora_path":"x"}"#, "lora_path is not supported by this version yet."),
    ])
    func encodeRefuses(_ body: String, _ message: String) async throws {
        try await withEmbedder { server in
            let answer = try await server.send(
                .post, "/encode", headers: [.contentType: "application/json"], raw: body)
            #expect(answer.status == 400)
            #expect(answer.json == ["error": ["message": .string(message)]])
        }
    }

    @Test func longTextsAreRefusedOrCut() async throws {
        let text = String(repeating: "a", count: 128)
        try await withEmbedder { server in
            let answer = try await server.post("/encode", ["text": .string(text)])
            #expect(
                answer.json?["error"]?["message"]
                    == "The input (128 tokens) is longer than the model's context length (128 tokens).")
        }
        try await withEmbedder(configure: { $0.allowAutoTruncate = true }) { server in
            let answer = try await server.post("/encode", ["text": .string(text + "bc")])
            #expect(answer.json?["meta_info"]?["prompt_tokens"] == 128)
        }
    }

    @Test func dimensionsFollowTheModel() async throws {
        try await withEmbedder(EmbeddingTraits(width: 3, shortening: .any)) { server in
            let short = try await server.post("/encode", ["text": "ab", "dimensions": 2])
            #expect(short.json?["embedding"] == [24.375, 0.25])
            let zero = try await server.post("/encode", ["text": "ab", "dimensions": 0])
            #expect(zero.json?["error"]?["message"] == "Requested dimensions must be greater than 0")
            let wide = try await server.post("/v1/embeddings", ["input": "ab", "dimensions": 4])
            #expect(wide.json?["message"] == "Provided dimensions are greater than max embedding dimension: 3")
            #expect(wide.json?["type"] == "BadRequestError")
        }
        try await withEmbedder(EmbeddingTraits(width: 3, shortening: .only([2]))) { server in
            let other = try await server.post("/encode", ["text": "ab", "dimensions": 1])
            #expect(other.status == 400)
            let known = try await server.post("/encode", ["text": "ab", "dimensions": 2])
            #expect(known.status == 200)
        }
    }

    /// Where texts are cut to the model's own length, no length is too long.
    @Test(arguments: [nil, 40, 125, 4_000])
    func preparedTextsAreCut(limit: Int?) async throws {
        var traits = EmbeddingTraits(width: 3)
        traits.preparation = .init(prefix: "Q: ", maximumLength: limit, lowercases: true)
        try await withEmbedder(traits) { server in
            let answer = try await server.post("/encode", ["text": .string(String(repeating: "A", count: 300))])
            #expect(answer.status == 200, "\(answer.text)")
            let ids = server.ring.embeddings.last?.inputIDs ?? []
            #expect(ids.count == min(limit ?? .max, FakeRing.contextLength))
            #expect(ids.starts(with: "q: aa".utf8.map(Int32.init)))
            #expect(server.ring.embeddings.last?.mayFillContext == true)
            // Ids are measured as everywhere.
            let given = JSONValue.array(Array(repeating: 5, count: FakeRing.contextLength))
            #expect(try await server.post("/encode", ["input_ids": given]).status == 400)
            #expect(try await server.post("/encode", ["input_ids": [5, 6]]).status == 200)
            #expect(server.ring.embeddings.last?.mayFillContext == false)
        }
    }

    @Test func kindsOfServersRefuseEachOther() async throws {
        let message: JSONValue = .string(
            "This model does not appear to be an embedding model by default. Please add `--is-embedding` when "
                + "launching the server or try another model.")
        try await withFront { server in
            for path in ["/encode", "/classify"] {
                #expect(try await server.post(path, ["text": "a"]).json == ["error": ["message": message]])
            }
            for path in ["/v1/embeddings", "/v1/classify"] {
                #expect(try await server.post(path, ["input": "a"]).json?["message"] == message)
            }
            let rerank = try await server.post("/v1/rerank", ["query": "a", "documents": ["b"]])
            #expect(rerank.json?["message"] == message)
            #expect(rerank.json?["type"] == "BadRequestError")
        }
        try await withEmbedder { server in
            #expect(try await server.generate(["text": "a"]).status == 400)
            #expect(try await server.post("/v1/completions", ["prompt": "a", "model": "m"]).status == 400)
            #expect(try await server.post("/v1/rerank", ["query": "a", "documents": ["b"]]).status == 400)
            let score = try await server.post("/v1/score", ["query": "a", "items": ["b"], "label_token_ids": [1]])
            #expect(score.status == 400)
            #expect(try await server.get("/model_info").json?["is_generation"] == false)
            #expect(try await server.get("/health").status == 200)
        }
    }

    @Test func aSchedulerThatEndsIsA503() async throws {
        try await withEmbedder { server in
            server.ring.forgetEpoch()
            async let answer = server.post("/encode", ["text": "a"])
            #expect(
                await server.ring.waits { ring in
                    ring.received.contains { if case .embed = $0 { true } else { false } }
                })
            server.ring.becomeReady(epoch: 2)
            let lost = try await answer
            #expect(lost.status == 503)
            let next = try await server.post("/encode", ["text": "a"])
            #expect(next.status == 200)
        }
    }

    // MARK: - OpenAI-style

    @Test func embeddings() async throws {
        try await withEmbedder { server in
            let answer = try await server.post("/v1/embeddings", ["input": ["a", "ab"], "model": "m"]).json
            #expect(
                answer?["data"]?[1] == ["embedding": [24.375, 0.25, 0.0], "index": 1, "object": "embedding"])
            #expect(answer?["model"] == "models/tiny")
            #expect(answer?["usage"]?["prompt_tokens"] == 3)
            #expect(answer?["usage"]?["total_tokens"] == 3)
            let packed = try await server.post("/v1/embeddings", ["input": [8], "encoding_format": "base64"]).json
            // 1, 0.125, 0 as little-endian float32.
            #expect(packed?["data"]?[0]?["embedding"] == "AACAPwAAAD4AAAAA")
            let nested = try await server.post("/v1/embeddings", ["input": [[8], [16, 16]]]).json
            #expect(nested?["data"]?[1]?["embedding"]?[0] == 4.0)
        }
    }

    @Test(arguments: [
        (#""""#, "Input cannot be empty"), ("[]", "Input cannot be empty"),
        (#"" \n""#, "Input cannot be empty or whitespace only"),
        (#"["a"," "]"#, "Input at index 1 cannot be empty or whitespace only"),
        (#"["a",1]"#, "All items in input list must be strings"),
        (#"[1,"a"]"#, "All items in input list must be integers"),
        ("[1,-2]", "Token ID at index 1 must be non-negative"),
    ])
    func embeddingsRefuse(_ input: String, _ message: String) async throws {
        try await withEmbedder { server in
            for path in ["/v1/embeddings", "/v1/classify"] {
                let answer = try await server.send(
                    .post, path, headers: [.contentType: "application/json"], raw: #"{"input":\#(input)}"#)
                #expect(answer.status == 400)
                #expect(answer.json?["message"] == .string(message))
                #expect(answer.json?["type"] == "BadRequestError")
            }
        }
    }

    @Test func base64OfEveryLength() {
        #expect(Base64.encode([]) == "")
        #expect(Base64.encode([1]) == "AACAPw==")
        #expect(Base64.encode([1, -2]) == "AACAPwAAAMA=")
    }

    @Test func classesHaveProbabilities() async throws {
        try await withEmbedder(EmbeddingTraits(width: 3, labels: ["sum", "count", "rest"])) { server in
            let answer = try await server.post("/v1/classify", ["input": [8], "model": "m"]).json
            let data = try #require(answer?["data"]?[0])
            #expect(data["label"] == "sum")
            #expect(data["num_classes"] == 3)
            let sum = data["probs"]?.arrayValue?.compactMap(\.doubleValue).reduce(0, +) ?? 0
            #expect(abs(sum - 1) < 1e-12)
            #expect(answer?["id"]?.stringValue?.hasPrefix("classify-") == true)
        }
    }

    @Test func rerankSortsAndCuts() async throws {
        try await withEmbedder(Self.cross) { server in
            let body: JSONValue = ["query": "q", "documents": ["a", "ccc", "b"]]
            let all = try #require(try await server.post("/v1/rerank", body).json?.arrayValue)
            #expect(all.map { $0["index"] } == [1, 2, 0])
            #expect(all[0]["document"] == "ccc")
            #expect(all[0]["meta_info"]?["prompt_tokens"] == 5)
            let top = try await server.post(
                "/v1/rerank",
                ["query": "q", "documents": ["a", "ccc", "b"], "top_n": 1, "return_documents": false])
            #expect(top.json?.arrayValue?.count == 1)
            #expect(top.json?[0]?["document"] == nil)
            #expect(try await server.get("/v1/rerank").headers[.allow] == "PUT, POST")
            // The model knows which text is the second one.
            #expect(server.ring.embeddings.map(\.tokenTypes).contains([0, 0, 1, 1, 1]))
        }
        // A cross-encoder's one number stands for itself.
        var traits = Self.cross
        traits.shortening = .any
        try await withEmbedder(traits) { server in
            let pairs = try await server.post(
                "/encode", ["text": [["a", "b"]], "is_cross_encoder_request": true, "dimensions": 1])
            // 97 + 124 + 98
            #expect(pairs.json?[0]?["embedding"] == 39.875)
        }
    }

    @Test(arguments: [
        (#"{"documents":["b"]}"#, "Bad Request", "query: the field is required"),
        (#"{"query":"a","documents":"b"}"#, "Bad Request", "documents: expected an array of strings, got a string"),
        (#"{"query":"","documents":["b"]}"#, "BadRequestError", "Query cannot be empty"),
        (#"{"query":" ","documents":["b"]}"#, "BadRequestError", "Query cannot be empty or whitespace only"),
        (#"{"query":"a","documents":[]}"#, "BadRequestError", "Documents cannot be empty"),
        (#"{"query":"a","documents":[""]}"#, "BadRequestError", "Each document must be a non-empty string"),
        (#"{"query":"a","documents":[" "]}"#, "BadRequestError", "Each document cannot be empty or whitespace only"),
        (
            #"{"query":"a","documents":["b"],"top_n":0}"#, "Bad Request",
            "Value error, parameter top_n should be larger than 0."
        ),
    ])
    func rerankRefuses(_ body: String, _ type: String, _ message: String) async throws {
        try await withEmbedder(Self.cross) { server in
            let answer = try await server.send(
                .post, "/v1/rerank", headers: [.contentType: "application/json"], raw: body)
            #expect(answer.status == 400)
            #expect(answer.json?["type"] == .string(type))
            #expect(answer.json?["message"] == .string(message))
        }
    }
}
