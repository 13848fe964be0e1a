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

        /// Length, prompt, projections and normalisation are as the folder's files say.
        /// A context as long as the texts may be is filled to its last position.
        @Test(arguments: [("text-dense", nil), ("text-dense", 16), ("text-prompt", nil), ("text-prompt", 24)])
        func `texts become what sentence-transformers makes of them`(name: String, context: Int?) throws {
            let golden = try JSONValue(
                parsing: ModelVariant.bytes(of: Fixture.model("\(name).golden.json")), options: .files)
            let length = context.map { ["--context-length", "\($0)"] } ?? []
            let server = try Server.serving(Fixture.model(name), ["--dtype", "float32"] + length)
            let client = HTTPClient(port: server.port)
            let texts = try #require(golden["texts"])
            let native = try client.post("/encode", ["text": texts]).json()
            let openAI = try client.post("/v1/embeddings", ["input": texts, "model": "m"]).json()
            for (index, expected) in (golden["vectors"]?.arrayValue ?? []).enumerated() {
                let numbers = expected.arrayValue?.compactMap(\.doubleValue) ?? []
                let found = native[index]?["embedding"]?.arrayValue?.compactMap(\.doubleValue) ?? []
                #expect(found.count == numbers.count && !found.isEmpty)
                for (a, b) in zip(found, numbers) { #expect(abs(a - b) < 1e-5 * max(1, abs(b))) }
                #expect(openAI["data"]?[index]?["embedding"] == native[index]?["embedding"])
            }
        }

        /// Scores are transformers' probabilities of yes against no, with the template and the instruction in force.
        @Test func `a reranker that answers yes or no`() throws {
            let golden = try JSONValue(
                parsing: ModelVariant.bytes(of: Fixture.model("text-judge.golden.json")), options: .files)
            let model = Fixture.model("text-judge")
            let server = try Server.serving(
                model, ["--dtype", "float32", "--chat-template", "\(model)/judge.jinja"])
            let client = HTTPClient(port: server.port)
            let query = try #require(golden["query"]), documents = try #require(golden["documents"])
            for (key, instruction) in [("scores", nil), ("instructed", golden["instruct"])] {
                var body: JSONObject = ["query": query, "documents": documents]
                if let instruction { body["instruct"] = instruction }
                let answer = try client.post("/v1/rerank", .object(body)).json().arrayValue ?? []
                let expected = golden[key]?.arrayValue?.compactMap(\.doubleValue) ?? []
                #expect(answer.count == expected.count && answer.count == 4)
                let scores = answer.compactMap { $0["score"]?.doubleValue }
                #expect(scores == scores.sorted(by: >))
                for item in answer {
                    let index = try #require(item["index"]?.intValue)
                    #expect(abs((item["score"]?.doubleValue ?? 0) - expected[index]) < 1e-5)
                    #expect(item["document"] == documents[index] && item["meta_info"] == .null)
                }
            }
        }

        /// Each vector under load is of one of two checkpoints and says of which; what fails changes nothing.
        @Test func `other weights while vectors are made`() throws {
            let model = Fixture.model("embed-xlm-roberta")
            let variant = ModelVariant(of: model, seed: 1)
            let server = try Server.serving(model)
            let port = server.port
            let texts: [JSONValue] = (0..<5).map { .string("Question \($0)" + String(repeating: " x", count: 4 * $0)) }
            let body: JSONValue = ["text": .array(texts)]
            @Sendable func vectors() throws -> [(version: String, vector: JSONValue)] {
                try HTTPClient(port: port).post("/encode", body).json().arrayValue?.map {
                    ($0["meta_info"]?["weight_version"]?.stringValue ?? "", $0["embedding"] ?? .null)
                } ?? []
            }
            func update(_ path: String, _ version: String) throws -> HTTPClient.Answer {
                try HTTPClient(port: port).post(
                    "/update_weights_from_disk", ["model_path": .string(path), "weight_version": .string(version)])
            }
            #expect(try update(model, "a").status == 200)
            let a = try vectors().map(\.vector)
            #expect(try update(variant.path, "b").status == 200)
            let expected = ["a": a, "b": try vectors().map(\.vector)]
            #expect(expected["a"] != expected["b"])
            let cut = ModelVariant(of: model, seed: 2)
            cut.change { $0.removeLast(100) }
            for path in [cut.path, Fixture.model("embed-qwen2"), "no/such-model"] {
                #expect(try update(path, "bad").status == 400)
            }
            #expect(try vectors().map(\.vector) == expected["b"])

            let faults = Synchronized<[String]>([])
            let seen = Synchronized<Set<String>>([])
            let isOver = Synchronized(false)
            let clients = (0..<4).map { client in
                NamedThread("client-\(client)") {
                    while !isOver.value {
                        do {
                            let found = try vectors()
                            if found.count != 5 { faults.change { $0.append("\(found.count) vectors") } }
                            for (index, item) in found.enumerated() {
                                seen.change { $0.insert(item.version) }
                                if expected[item.version]?[index] != item.vector {
                                    faults.change { $0.append("text \(index) of \(item.version)") }
                                }
                            }
                        } catch { faults.change { $0.append("\(error)") } }
                    }
                }
            }
            for round in 0..<8 {
                #expect(try update([model, variant.path][round % 2], ["a", "b"][round % 2]).status == 200)
            }
            isOver.change { $0 = true }
            for client in clients { client.join() }
            #expect(faults.value.isEmpty, "\(faults.value.prefix(3))")
            #expect(seen.value == ["a", "b"])
            let info = try HTTPClient(port: port).get("/get_server_info").json()
            #expect(info["internal_states"]?[0]?["weight_update"]?["updates"] == 10)
            #expect(try HTTPClient(port: port).get("/model_info").json()["weight_version"] == "b")

            // What served before a crash serves after it, until it is gone.
            try server.crashScheduler()
            #expect(try vectors().map(\.vector) == expected["b"])
            let after = try HTTPClient(port: port).get("/model_info").json()
            #expect(after["weight_version"] == "b" && after["model_path"] == .string(variant.path))
            variant.change { $0.removeLast(100) }
            try server.crashScheduler()
            #expect(try vectors().map(\.vector) == expected["a"])
            #expect(try HTTPClient(port: port).get("/model_info").json()["weight_version"] == "default")
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
