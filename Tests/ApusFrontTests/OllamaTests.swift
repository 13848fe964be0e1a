import ApusCore
import ApusJSON
import ApusWire
import HTTPTypes
import HummingbirdTesting
import Testing

@testable import ApusFront

@Suite struct OllamaTests {
    private let hello: JSONValue = [["role": "user", "content": "Hello"]]

    @Test func answersStreamAsLinesUnlessToldOtherwise() async throws {
        try await withFront(.live) { server in
            let streamed = try await server.post(
                "/api/chat", ["model": "m", "messages": hello, "options": ["num_predict": 3, "stop": ["zz"]]])
            #expect(streamed.headers[.contentType] == "application/x-ndjson")
            let lines = try streamed.text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
            #expect(lines.compactMap { $0["message"]?["content"]?.stringValue }.joined() == "[us")
            #expect(lines.dropLast().allSatisfy { $0["done"] == false } && lines.last?["done"] == true)
            #expect(lines.last?["prompt_eval_count"] == 25 && lines.last?["eval_count"] == 3)
            #expect(lines[0]["model"] == "tiny")
            let sent = try #require(server.ring.requests.first?.sampling)
            #expect(sent.maxNewTokens == 3 && sent.stopStrings == ["zz"])

            let whole = try await server.post(
                "/api/generate",
                ["model": "m", "prompt": "abc", "system": "s", "stream": false, "options": ["num_predict": 2]])
            #expect(whole.json?["response"] == "s\n" && whole.json?["done"] == true)
            #expect(whole.json?["prompt_eval_count"] == 6)
        }
    }

    @Test func theDefaultLengthIsCutToTheContext() async throws {
        try await withFront { server in
            _ = try await server.post("/api/generate", ["model": "m", "prompt": "abc", "stream": false])
            #expect(server.ring.requests.last?.sampling.maxNewTokens == FakeRing.contextLength - 3)
            _ = try await server.post(
                "/api/generate", ["model": "m", "prompt": "abc", "stream": false, "options": ["num_predict": -1]])
            #expect(server.ring.requests.last?.sampling.maxNewTokens == nil)
        }
    }

    @Test func theCatalogueHasOneModel() async throws {
        try await withFront { server in
            #expect(try await server.get("/api/tags").json?["models"]?[0]?["name"] == "tiny")
            #expect(try await server.get("/api/ps").json?["models"]?[0]?["model"] == "tiny")
            #expect(try await server.get("/api/version").json?["version"]?.stringValue != nil)
            let show = try await server.post("/api/show", ["model": "org/m"]).json
            #expect(show?["model_info"]?["m.context_length"] == 128)
            #expect(show?["capabilities"] == ["completion"])
        }
        try await withFront(configure: { $0.embedding = EmbeddingTraits(width: 3) }) { server in
            let answer = try await server.post("/api/embed", ["model": "m", "input": ["a", "bc"]])
            #expect(answer.json?["embeddings"]?.arrayValue?.count == 2)
            #expect(answer.json?["prompt_eval_count"] == 3)
        }
    }

    /// The examples of Ollama's documentation name no media type, so that curl names its own.
    @Test func bodiesMayComeAsCurlNamesThem() async throws {
        try await withFront { server in
            let bodies = [
                ("/api/chat", #"{"model":"m","stream":false,"messages":[{"role":"user","content":"a"}]}"#),
                ("/api/show", #"{"model":"m"}"#),
            ]
            for (path, raw) in bodies {
                let answer = try await server.send(
                    .post, path, headers: [.contentType: "application/x-www-form-urlencoded"], raw: raw)
                #expect(answer.status == 200, "\(answer.text)")
            }
        }
    }

    @Test func whatIsNotDoneIsSaid() async throws {
        try await withFront { server in
            for body: JSONObject in [
                ["messages": hello, "options": ["mirostat": 1]],
                ["messages": [["role": "user", "content": "a", "images": ["x"]]]],
                ["messages": hello, "format": 3], ["messages": hello, "options": ["num_predict": "x"]], [:],
            ] {
                var body = body
                body["model"] = "m"
                #expect(try await server.post("/api/chat", .object(body)).status == 400, "\(body)")
            }
            let context = try await server.post("/api/generate", ["model": "m", "prompt": "a", "context": [1]])
            #expect(context.json == ["error": "context is not supported on /api/generate."])
        }
    }
}
