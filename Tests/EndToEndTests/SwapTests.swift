import ApusCore
import ApusJSON
import ApusTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Other weights for a serving process: nobody is lost, nobody gets a mixture.
@Suite struct SwapTests {
    private static let prompts = (0..<6).map {
        "Question \($0): what is the capital of" + String(repeating: " x", count: $0)
    }

    /// What one model answers to each prompt, by itself.
    private func reference(_ server: Server) throws -> [String] {
        try Self.prompts.map { prompt in
            let answer = try HTTPClient(port: server.port).post("/generate", Requests.generate(prompt, tokens: 40))
            return try #require(answer.json()["text"]?.stringValue)
        }
    }

    private func update(_ server: Server, _ path: String, _ version: String? = nil) throws -> HTTPClient.Answer {
        var body: JSONObject = ["model_path": .string(path)]
        if let version { body["weight_version"] = .string(version) }
        return try HTTPClient(port: server.port).post("/update_weights_from_disk", .object(body))
    }

    @Test func everyResponseUnderLoadIsOfOneVersion() throws {
        let variant = ModelVariant(of: Fixture.model("qwen2"), seed: 1)
        let paths = [Fixture.model("qwen2"), variant.path]
        let server = try Server.serving()
        var references: [String: [String]] = ["a": try reference(server)]
        #expect(try update(server, paths[1], "b").status == 200)
        references["b"] = try reference(server)
        #expect(references["a"] != references["b"])

        struct Outcome { var counts: [String: Int] = [:], faults: [String] = [] }
        let outcome = Synchronized(Outcome())
        let isOver = Synchronized(false)
        let port = server.port
        let expected = references
        let clients = (0..<6).map { client in
            NamedThread("client-\(client)") {
                while !isOver.value {
                    let fault: String?
                    do {
                        let answer = try HTTPClient(port: port).post(
                            "/generate", Requests.generate(Self.prompts[client], tokens: 40))
                        let json = try answer.json()
                        let version = json["meta_info"]?["weight_version"]?.stringValue ?? ""
                        let isRight = json["text"]?.stringValue == expected[version]?[client]
                        fault =
                            isRight && json["meta_info"]?["weight_versions"]?.arrayValue?.count == 1
                            ? nil : "\(answer.status): \(json)"
                        outcome.change { $0.counts[version, default: 0] += 1 }
                    } catch { fault = "\(error)" }
                    if let fault { outcome.change { $0.faults.append(fault) } }
                }
            }
        }
        for round in 0..<8 {
            let answer = try update(server, paths[round % 2], ["a", "b"][round % 2])
            #expect(answer.status == 200, "\(answer.text)")
        }
        isOver.change { $0 = true }
        for client in clients { client.join() }
        let result = outcome.value
        #expect(result.faults.isEmpty, "\(result.faults.prefix(3))")
        #expect(result.counts.keys.sorted() == ["a", "b"])
        let info = try HTTPClient(port: port).get("/get_server_info").json()
        let state = info["internal_states"]?[0]
        #expect(state?["weight_update"]?["updates"]?.intValue == 9 && state?["weight_update"]?["mode"] == "beside")
        #expect(
            try Fixture.eventually {
                try HTTPClient(port: port).get("/get_server_info").json()["internal_states"]?[0]?["resident_weights"]
                    == 1
            })
    }

    @Test func whatFailsLeavesTheServerAsItWas() throws {
        let server = try Server.serving()
        let client = HTTPClient(port: server.port)
        let before = try reference(server)
        let cut = ModelVariant(of: Fixture.model("qwen2"), seed: 1)
        cut.change { $0.removeLast(1000) }
        for (path, words) in [
            ("no/such-model", "Failed to get weights iterator: no/such-model (repository not found)."),
            (cut.path, "truncated"), (Fixture.model("qwen3"), "Rolling back to original weights."),
        ] {
            let answer = try update(server, path, "bad")
            #expect(answer.status == 400 && answer.text.contains(words), "\(answer.text)")
        }
        #expect(try client.get("/model_info").json()["weight_version"] == "default")
        #expect(try client.get("/model_info").json()["model_path"] == .string(Fixture.model("qwen2")))
        let after = try reference(server)
        #expect(after == before)
    }

    /// Taken, as SGLang takes it; but texts are the launch's tokenizer's, and the log says that once.
    @Test func anotherTokenizerIsTakenAndNamed() throws {
        let variants = (1...3).map { ModelVariant(of: Fixture.model("qwen2"), seed: $0) }
        let file = try JSONValue(parsing: ModelVariant.bytes(of: "\(variants[0].path)/tokenizer.json"), options: .files)
        var members = try #require(file.objectValue)
        members["pre_tokenizer"] = .null
        for variant in variants[1...] { variant.write(JSONValue.object(members).description, to: "tokenizer.json") }
        let server = try Server.serving()
        let tokens = try HTTPClient(port: server.port).post("/tokenize", ["prompt": "Two words, 12."]).text
        let words = "is another (pre_tokenizer): texts go on being read and written with the launch's."
        for (variant, count) in zip(variants, [0, 1, 1]) {
            #expect(try update(server, variant.path).status == 200)
            #expect(server.log.split(separator: words).count - 1 == count, "\(server.log)")
        }
        #expect(try HTTPClient(port: server.port).post("/tokenize", ["prompt": "Two words, 12."]).text == tokens)
    }

    @Test func whatServedBeforeACrashServesAfterIt() throws {
        let variant = ModelVariant(of: Fixture.model("qwen2"), seed: 1)
        let server = try Server.serving()
        let client = HTTPClient(port: server.port)
        let launched = try reference(server)
        #expect(try update(server, variant.path, "b").status == 200)
        let swapped = try reference(server)
        #expect(swapped != launched)

        try server.crashScheduler()
        #expect(try reference(server) == swapped)
        let info = try client.get("/model_info").json()
        #expect(info["weight_version"] == "b" && info["model_path"] == .string(variant.path))
        // A name alone is kept too.
        #expect(try client.post("/update_weight_version", ["new_version": "c"]).status == 200)
        try server.crashScheduler()
        #expect(try client.get("/model_info").json()["weight_version"] == "c")
        #expect(try reference(server) == swapped)
        // They are gone: the launch's serve, under their own name, and the log says so.
        variant.change { $0.removeLast(1000) }
        try server.crashScheduler()
        #expect(try reference(server) == launched)
        #expect(try client.get("/model_info").json()["weight_version"] == "default")
        #expect(try client.get("/model_info").json()["model_path"] == .string(Fixture.model("qwen2")))
        #expect(server.log.contains("cannot be loaded again"))
        server.signal(SIGTERM)
        #expect(server.wait() == 0)
        #expect(Fixture.names(in: "\(server.runtimeParent)/apus").isEmpty)
    }

    @Test func aCrashIsSurvivedWithoutTheLaunchsFolder() throws {
        let launched = ModelVariant(of: Fixture.model("qwen2"), seed: 2)
        let update = ModelVariant(of: Fixture.model("qwen2"), seed: 1)
        let server = try Server.serving(launched.path)
        #expect(try self.update(server, update.path, "b").status == 200)
        let before = try reference(server)
        #expect(rename(launched.path, "\(launched.path).gone") == 0)
        defer { rename("\(launched.path).gone", launched.path) }
        for _ in 0..<2 {
            try server.crashScheduler()
            #expect(try reference(server) == before)
            let info = try HTTPClient(port: server.port).get("/model_info").json()
            #expect(info["weight_version"] == "b" && info["model_path"] == .string(update.path))
        }
        for role in ["front", "detokenizer"] {
            let victim = try server.role(role)
            kill(victim, SIGKILL)
            #expect(try Fixture.eventually { try server.role(role) != victim })
            try server.waitUntilHealthy()
            #expect(try reference(server) == before)
        }
        #expect(server.log.split(separator: "is gone: tokenizer and shapes come from").count > 4)
        // Nothing else can be loaded in their place, and they are still served.
        #expect(try self.update(server, launched.path).status == 400)
        #expect(try reference(server) == before)
    }

    @Test func pausedMemoryIsReleasedAndComesBack() throws {
        let server = try Server.serving()
        let client = HTTPClient(port: server.port)
        let before = try reference(server)
        #expect(try client.post("/pause_generation", ["mode": "retract"]).status == 200)
        #expect(try client.get("/ready").status == 503)
        #expect(try client.get("/ping").status == 200)
        #expect(try client.post("/release_memory_occupation", [:]).text == "null")
        #expect(try client.post("/continue_generation", [:]).status == 200)
        #expect(try client.get("/ready").status == 503)
        let waiting = try client.exchange("POST", "/generate", Requests.generate(Self.prompts[0], tokens: 40))
        #expect(try client.post("/resume_memory_occupation", [:]).text == "null")
        #expect(try waiting.readAll().json()["text"]?.stringValue == before[0])
        let after = try reference(server)
        #expect(after == before)
        let rows = try client.post("/get_weights_by_name", ["name": "model.norm.weight", "truncate_size": 3]).json()
        #expect(rows.arrayValue?.count == 3)
    }
}
