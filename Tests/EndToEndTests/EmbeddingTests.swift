import ApusCore
import ApusJSON
import ApusTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension EndToEnd {
    /// Servers of models that make vectors.
    @Suite
    struct EmbeddingTests {
        @Test(arguments: ["embed-bert-mean", "embed-qwen2", "embed-xlm-roberta"])
        func `vectors are those of the model, alone and together`(name: String) throws {
            let server = try Server.serving(Fixture.model(name), ["--dtype", "float32"])
            let client = HTTPClient(port: server.port)
            // The longest fills the encoders' positions to the last few, which are no one's.
            let goldens = try VectorGolden.all(name).filter { $0.tokens.count < 50 }
            let ids = goldens.map { golden in JSONValue.array(golden.tokens.map { JSONValue($0) }) }
            let together = try client.post("/encode", ["input_ids": .array(ids)]).json()
            for (index, golden) in goldens.enumerated() where !golden.types.contains(1) {
                let found = together[index]?["embedding"]?.arrayValue?.compactMap(\.doubleValue) ?? []
                #expect(found.count == golden.vector.count)
                for (a, b) in zip(found, golden.vector) { #expect(abs(a - Double(b)) < 1e-4) }
            }
            for (index, ids) in ids.enumerated() {
                let alone = try client.post("/encode", ["input_ids": ids]).json()
                #expect(alone["embedding"] == together[index]?["embedding"])
            }
            let text = try client.post("/v1/embeddings", ["input": "The capital of France is", "model": "m"])
            #expect(text.status == 200)
            #expect(try text.json()["data"]?[0]?["embedding"]?.arrayValue?.count == 32)
            #expect(try client.post("/generate", ["text": "a"]).status == 400)
            #expect(try client.get("/health").status == 200)
        }

        @Test func `rewards and scores of pairs`() throws {
            let reward = try Server.serving(Fixture.model("embed-llama-reward"), ["--dtype", "float32"])
            let golden = try VectorGolden.all("embed-llama-reward")[2]
            let answer = try HTTPClient(port: reward.port).post(
                "/classify", ["input_ids": .array(golden.tokens.map { JSONValue($0) })]
            ).json()
            let score = try #require(answer["embedding"]?[0]?.doubleValue)
            #expect(abs(score - Double(golden.vector[0])) < 1e-4)

            let cross = try Server.serving(Fixture.model("embed-bert-cross"), ["--disable-radix-cache"])
            let ranked = try HTTPClient(port: cross.port).post(
                "/v1/rerank", ["query": "panda", "documents": ["hi", "a bear", "Paris"]]
            ).json()
            let scores = ranked.arrayValue?.compactMap { $0["score"]?.doubleValue } ?? []
            #expect(scores.count == 3)
            #expect(scores == scores.sorted(by: >))
        }

        /// Probabilities of labels are those of transformers, whether the beginning comes from the cache or not.
        @Test(arguments: ["qwen2", "llama-scaled"])
        func `scores of label tokens`(name: String) throws {
            let server = try Server.serving(Fixture.model(name), ["--dtype", "float32"])
            let client = HTTPClient(port: server.port)
            let labels = [5, 300, 17]
            for golden in try ModelGolden.all(name) {
                let prompt = golden.prompt.map { JSONValue($0) }
                let largest = Double(golden.logits.max() ?? 0)
                let sum = golden.logits.reduce(0.0) { $0 + exp(Double($1) - largest) }
                let expected = labels.map { exp(Double(golden.logits[$0]) - largest) / sum }
                let item = JSONValue.array(Array(prompt.suffix(2)))
                let body: JSONValue = [
                    "query": .array(Array(prompt.dropLast(2))), "items": [item, item],
                    "label_token_ids": .array(labels.map { JSONValue($0) }),
                ]
                let first = try client.post("/v1/score", body).json()
                for row in first["scores"]?.arrayValue ?? [] {
                    let found = row.arrayValue?.compactMap(\.doubleValue) ?? []
                    #expect(found.count == 3)
                    for (a, b) in zip(found, expected) { #expect(abs(log(a) - log(b)) < 1e-4) }
                }
                #expect(first["scores"]?.arrayValue?.count == 2)
                #expect(try client.post("/v1/score", body).json()["scores"] == first["scores"])
            }
        }
    }
}
