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
    /// What operators keep from others.
    @Suite
    struct SecretsTests {
        private func status(_ server: Server, key: String) throws -> Int {
            var client = HTTPClient(port: server.port)
            client.headers["Authorization"] = "Bearer \(key)"
            return try client.get("/v1/models").status
        }

        @Test
        func `keys are neither in the process list nor in the log nor in what the server tells`() throws {
            let folder = TemporaryDirectory()
            folder.write(Array("boss-secret\n".utf8), to: "admin")
            let server = try Server.serving(
                Fixture.model("qwen2"),
                ["--api-key", "user-secret", "--admin-api-key-file=\(folder.path)/admin", "--log-level", "debug"])
            for process in [server.processID] + server.descendants {
                let words = Fixture.commandLine(of: process).joined(separator: " ")
                #expect(!words.contains("secret"), "\(words)")
                #expect(words.contains("--api-key") == (process == server.processID))
            }
            for role in ["front", "scheduler", "detokenizer"] {
                let environment = Fixture.text(of: "/proc/\(try server.role(role))/environ")
                #expect(!environment.isEmpty && !environment.contains("secret"))
            }
            var client = HTTPClient(port: server.port)
            client.headers["Authorization"] = "Bearer user-secret"
            let info = try client.get("/get_server_info")
            #expect(info.status == 200)
            #expect(!info.text.contains("secret"))
            #expect(!server.log.contains("secret"))
        }

        @Test
        func `SIGHUP has keys read again, and nothing else that is wrong`() throws {
            let folder = TemporaryDirectory()
            folder.write(Array("first\n".utf8), to: "key")
            folder.write(Array("api-key-file: \(folder.path)/key\n".utf8), to: "apus.yaml")
            let server = try Server.serving(
                Fixture.model("qwen2"), ["--config", "\(folder.path)/apus.yaml"], isDetached: true)
            let processes = Set(server.descendants)
            #expect(try status(server, key: "first") == 200)
            folder.write(Array("second\n".utf8), to: "key")
            #expect(try status(server, key: "second") == 401)
            server.signal(SIGHUP)
            #expect(try Fixture.eventually { try status(server, key: "second") == 200 })
            #expect(try status(server, key: "first") == 401)

            // What cannot be read changes nothing; what only a restart changes is named.
            folder.write(Array("third\n".utf8), to: "key")
            folder.write(Array("nonsense: 1\n".utf8), to: "apus.yaml")
            server.signal(SIGHUP)
            #expect(Fixture.eventually { server.log.contains("unknown key 'nonsense'") })
            #expect(try status(server, key: "second") == 200)
            folder.write(
                Array("api-key-file: \(folder.path)/key\nstream-interval: 7\n".utf8), to: "apus.yaml")
            server.signal(SIGHUP)
            #expect(try Fixture.eventually { try status(server, key: "third") == 200 })
            #expect(Fixture.eventually { server.log.contains("Only a restart changes --stream-interval.") })
            #expect(Set(server.descendants) == processes)
        }

        @Test
        func `weights come from allowed folders alone`() throws {
            let inside = ModelVariant(of: Fixture.model("qwen2"), seed: 3)
            let outside = ModelVariant(of: Fixture.model("qwen2"), seed: 4)
            let server = try Server.serving(Fixture.model("qwen2"), ["--allowed-model-roots", inside.path])
            func update(_ path: String) throws -> HTTPClient.Answer {
                try HTTPClient(port: server.port).post("/update_weights_from_disk", ["model_path": .string(path)])
            }
            // What is there and what is not are told apart by nobody.
            for path in [
                outside.path, "\(inside.path)/../\(outside.path.split(separator: "/").last!)", "/nowhere", "..",
            ] {
                let answer = try update(path)
                #expect(answer.status == 400)
                #expect(
                    try answer.json()["message"]
                        == .string(
                            "Failed to get weights iterator: there is no model '\(path)' below --allowed-model-roots."))
            }
            #expect(try update(inside.path).status == 200)
            // The model that the server was started with needs no permission.
            #expect(try update(Fixture.model("qwen2")).status == 200)
        }
    }
}
