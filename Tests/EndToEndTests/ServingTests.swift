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
    /// What a client sees of a server that nothing happens to.
    @Suite
    struct ServingTests {
        @Test(arguments: ["qwen2", "qwen3", "llama-scaled", "llama-biased", "mistral", "qwen2-window"])
        func `every architecture answers, streams and batches alike`(name: String) throws {
            let server = try Server.serving(Fixture.model(name), ["--random-seed", "7"])
            let client = HTTPClient(port: server.port)
            let prompts = ["The capital of France is", "1 + 1 =", "Grüße, 東京 🐼"]

            let alone = try prompts.map { try client.post("/generate", Requests.generate($0, tokens: 24)) }
            var texts: [String] = []
            for answer in alone {
                #expect(answer.status == 200)
                let json = try answer.json()
                texts.append(try #require(json["text"]?.stringValue))
                #expect(json["output_ids"]?.arrayValue?.count == 24)
                #expect(json["meta_info"]?["completion_tokens"] == 24)
                #expect(json["meta_info"]?["finish_reason"] == ["type": "length", "length": 24])
            }

            for (prompt, text) in zip(prompts, texts) {
                let stream = try client.exchange(
                    "POST", "/generate", Requests.generate(prompt, tokens: 24, stream: true))
                var partial = ""
                let ending = Requests.ending(of: stream) { event in
                    let text = event["text"]?.stringValue ?? partial
                    #expect(text.hasPrefix(partial))
                    partial = text
                }
                #expect(ending == .complete(text: text))
            }

            var batch = Requests.generate("", tokens: 24)
            batch = batch.setting("text", .array(prompts.map(JSONValue.string)))
            let answers = try client.post("/generate", batch).json()
            #expect(answers.arrayValue?.map { $0["text"]?.stringValue } == texts)
            try stop(server)
        }

        @Test
        func `facts about the model and the server`() throws {
            let server = try Server.serving(
                Fixture.model("qwen2"),
                [
                    "--api-key", "geheim", "--served-model-name", "tiny", "--max-total-tokens", "2k",
                    "--skip-server-warmup",
                ])
            let client = HTTPClient(port: server.port)
            #expect(try client.get("/v1/models").status == 401)

            let info = try keyed(server, "/get_server_info").json()
            #expect(info["status"] == "ready")
            #expect(info["max_total_tokens"] == 2000)
            #expect(info["max_total_num_tokens"] == 2000)
            #expect(info["max_req_input_len"] == 506)
            #expect(info["dtype"] == "bfloat16")
            #expect(info["tp_size"] == 1)
            #expect(info["context_length"] == .null)
            #expect(info["kernels"]?.stringValue?.isEmpty == false)
            #expect(info["random_seed"]?.intValue != nil)
            #expect(info["internal_states"]?[0]?["memory_usage"]?["token_capacity"] == 2000)
            let command = try #require(info["launch_command"]?.stringValue)
            #expect(command.hasPrefix("apus serve --model-path ") && command.contains("--served-model-name tiny"))
            #expect(!info.description.contains("geheim"))

            #expect(try keyed(server, "/get_model_info").json()["model_path"] == .string(Fixture.model("qwen2")))
            #expect(try keyed(server, "/v1/models").json()["data"]?[0]?["id"] == "tiny")
            for role in ["front", "scheduler", "detokenizer"] {
                #expect(!Fixture.commandLine(of: try server.role(role)).joined().contains("geheim"))
            }
            let log = server.log
            #expect(!log.contains("geheim"))
            #expect(log.contains("max_total_num_tokens=2000, chunked_prefill_size="))
            #expect(log.contains(", context_len=512, available_gpu_mem="))
            #expect(log.contains("Kernels: "))
            #expect(log.contains("The server is fired up and ready to roll!"))
            #expect(log.contains("\"GET /v1/models HTTP/1.1\" 401"))
            try stop(server)
        }

        private func keyed(_ server: Server, _ path: String) throws -> HTTPClient.Answer {
            try HTTPClient(port: server.port, headers: ["Authorization": "Bearer geheim"]).get(path)
        }

        @Test
        func `a client that leaves frees its memory`() throws {
            let server = try Server.serving(Fixture.model("qwen2"))
            let client = HTTPClient(port: server.port)
            for stream in [true, false] {
                let body = Requests.generate("A long story", tokens: 450, stream: stream)
                let exchanges = try (0..<4).map { _ in try client.exchange("POST", "/generate", body) }
                if stream { for exchange in exchanges { _ = try exchange.readEvent() } }
                for exchange in exchanges { exchange.close() }
            }
            #expect(
                try Fixture.eventually {
                    let state = try client.get("/get_server_info").json()["internal_states"]?[0]
                    return state?["num_running_reqs"] == 0 && state?["num_queue_reqs"] == 0
                        && state?["kv_held_tokens"] == 0
                })
            #expect(try client.get("/flush_cache").status == 200)
            let state = try #require(try client.get("/get_server_info").json()["internal_states"]?[0])
            #expect(state["kv_free_tokens"] == state["memory_usage"]?["token_capacity"])
            try stop(server)
        }

        @Test(arguments: Fixture.names(in: "\(Fixture.package)/Config/profiles"))
        func `each profile serves`(name: String) throws {
            let server = try Server.serving(
                Fixture.model("llama-scaled"), ["--config", "\(Fixture.package)/Config/profiles/\(name)"])
            let answer = try HTTPClient(port: server.port).post("/generate", Requests.generate("Hello", tokens: 8))
            #expect(try answer.json()["meta_info"]?["completion_tokens"] == 8)
            try stop(server)
        }

        @Test
        func `random weights need only a configuration`() throws {
            let folder = Fixture.copy(of: Fixture.model("qwen2"))
            unlink("\(folder.path)/model.safetensors")
            let server = try Server.serving(folder.path, ["--load-format", "dummy"])
            let answer = try HTTPClient(port: server.port).post("/generate", Requests.generate("Hello", tokens: 8))
            #expect(try answer.json()["meta_info"]?["completion_tokens"] == 8)
            try stop(server)
        }

        private func stop(_ server: Server) throws {
            server.signal(SIGTERM)
            #expect(server.wait() == 0, "\(server.log)")
            #expect(server.descendants.isEmpty)
        }
    }
}

extension JSONValue {
    /// The object with one member more, or another one.
    func setting(_ key: String, _ value: JSONValue) -> JSONValue {
        guard case .object(var object) = self else { preconditionFailure("not an object") }
        object.updateValue(value, forKey: key)
        return .object(object)
    }
}
