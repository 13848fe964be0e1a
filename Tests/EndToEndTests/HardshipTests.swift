import ApusJSON
import ApusTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension EndToEnd {
    /// What a machine and its clients do to a server in a bad year.
    @Suite
    struct HardshipTests {
        private func state(_ server: Server) throws -> JSONValue? {
            try HTTPClient(port: server.port).get("/get_server_info").json()["internal_states"]?[0]
        }

        private func stop(_ server: Server) {
            server.signal(SIGTERM)
            #expect(server.wait() == 0, "\(server.log)")
        }

        @Test
        func `a log on a full disk loses lines, not answers`() throws {
            let server = try Server.serving(
                Fixture.model("qwen2"), ["--log-requests", "--log-requests-target", "stdout", "/dev/full/x"],
                errors: "/dev/full")
            let client = HTTPClient(port: server.port)
            let body = Requests.generate("The capital", tokens: 12)
            let expected = try #require(try client.post("/generate", body).json()["text"])
            // A role that is started again finds the disk as full.
            let victim = try server.role("scheduler")
            kill(victim, SIGKILL)
            #expect(try Fixture.eventually { try server.role("scheduler") != victim })
            try server.waitUntilHealthy()
            #expect(try client.post("/generate", body).json()["text"] == expected)
            stop(server)
        }

        @Test
        func `a model folder that vanishes is missed by a restart only, and may come back`() throws {
            let model = ModelVariant(of: Fixture.model("qwen2"), seed: 0)
            let server = try Server.serving(model.path)
            let client = HTTPClient(port: server.port)
            let body = Requests.generate("The capital", tokens: 12)
            let expected = try client.post("/generate", body).json()["text"]
            let hidden = "\(model.path).hidden"
            #expect(rename(model.path, hidden) == 0)
            #expect(try client.post("/generate", body).json()["text"] == expected)
            let update = try client.post("/update_weights_from_disk", ["model_path": .string(model.path)])
            #expect(update.status == 400 && update.text.contains("repository not found"))

            kill(try server.role("scheduler"), SIGKILL)
            #expect(Fixture.eventually { server.log.ranges(of: "scheduler ended (").count >= 2 })
            #expect(server.poll() == nil, "the server gave up:\n\(server.log)")
            #expect(try client.get("/health").status == 503)
            let refused = try client.post("/generate", body)
            #expect(refused.status == 503 && refused.headers["retry-after"] == "1", "\(refused.text)")

            #expect(rename(hidden, model.path) == 0)
            try server.waitUntilHealthy()
            #expect(try client.post("/generate", body).json()["text"] == expected)
            stop(server)
        }

        @Test
        func `a full pool delays requests and changes none`() throws {
            let server = try Server.serving(Fixture.model("qwen2"), ["--max-total-tokens", "600"])
            let port = server.port
            let bodies = (0..<10).map { Requests.generate("Question \($0):", tokens: 250) }
            let alone = try bodies.map { try HTTPClient(port: port).post("/generate", $0).json()["text"] }
            let together = Requests.concurrently(10) { index in
                try? HTTPClient(port: port).post("/generate", bodies[index]).json()["text"]
            }
            #expect(alone.allSatisfy { $0 != nil } && together.map { $0 ?? nil } == alone)
            let isWhole = try Fixture.eventually {
                let state = try state(server)
                return state?["kv_held_tokens"] == 0
                    && (state?["kv_free_tokens"]?.intValue ?? 0) + (state?["kv_cached_tokens"]?.intValue ?? 0) == 600
            }
            #expect(isWhole)
            stop(server)
        }

        @Test
        func `prompts of 100,000 tokens are refused at once, whoever streams`() throws {
            let server = try Server.serving()
            let client = HTTPClient(port: server.port)
            let stream = try client.exchange(
                "POST", "/generate", Requests.generate("A long story", tokens: 400, stream: true))
            _ = try stream.readEvent()
            let ids = JSONValue.array((0..<100_000).map { JSONValue(1 + $0 % 200) })
            let words = JSONValue.string(String(repeating: "capital ", count: 100_000))
            for (name, prompt) in [("input_ids", ids), ("text", words)] {
                let answer = try client.post("/generate", .object(JSONObject([(name, prompt)])))
                #expect(answer.status == 400 && answer.text.contains("context length"), "\(answer.text.prefix(200))")
            }
            var last: JSONValue = .null
            while let event = try stream.readEvent(), event != "[DONE]" { last = event }
            #expect(last["meta_info"]?["completion_tokens"] == 400)
            stop(server)
        }

        @Test
        func `a full queue refuses with a time to come back`() throws {
            let server = try Server.serving(
                Fixture.model("qwen2"), ["--max-running-requests", "1", "--max-queued-requests", "2"])
            let port = server.port
            let paths: [(String, JSONValue)] = [
                ("/generate", Requests.generate("Hi", tokens: 60)),
                ("/v1/completions", ["model": "default", "prompt": "Hi", "max_tokens": 60, "ignore_eos": true]),
            ]
            for (path, body) in paths {
                let answers = Requests.concurrently(24) { _ in try? HTTPClient(port: port).post(path, body) }
                let statuses = answers.map { $0?.status ?? 0 }
                #expect(statuses.allSatisfy { $0 == 200 || $0 == 503 }, "\(statuses)")
                #expect(statuses.contains(200) && statuses.contains(503), "\(statuses)")
                for case let answer? in answers where answer.status == 503 {
                    #expect(answer.headers["retry-after"] == "1" && answer.text.contains("The request queue is full."))
                }
            }
            #expect(try Fixture.eventually { try state(server)?["kv_held_tokens"] == 0 })
            stop(server)
        }
    }
}
