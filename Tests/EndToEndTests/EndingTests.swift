import ApusCore
import ApusJSON
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension EndToEnd {
    /// How servers end, and how several of them get along.
    @Suite
    struct EndingTests {
        @Test(arguments: [SIGTERM, SIGINT])
        func `a signal lets requests in flight finish, then everything ends with 0`(signal: Int32) throws {
            let server = try Server.serving(Fixture.model("qwen2"))
            let client = HTTPClient(port: server.port)
            let body = Requests.generate("Tell me everything", tokens: 400, stream: true)
            let exchange = try client.exchange("POST", "/generate", body)
            _ = try exchange.readEvent()
            server.signal(signal)
            guard case .complete = Requests.ending(of: exchange) else {
                Issue.record("the stream was cut off, log:\n\(server.log)")
                return
            }
            #expect(server.wait() == 0, "\(server.log)")
            #expect(server.descendants.isEmpty)
            #expect(Fixture.names(in: "\(server.runtimeParent)/apus").isEmpty)
            #expect(throws: (any Error).self) { try client.get("/health") }
        }

        @Test
        func `a second signal ends it at once`() throws {
            let server = try Server.serving(Fixture.model("qwen2"))
            // Stopped, it cannot finish anything: only the second signal gets past it.
            let front = try server.role("front")
            kill(front, SIGSTOP)
            server.signal(SIGTERM)
            usleep(300_000)
            #expect(server.poll() == nil)
            server.signal(SIGTERM)
            #expect(server.wait(seconds: 10) == 0)
            #expect(!Fixture.isAlive(front))
        }

        @Test
        func `a signal before the server is up ends it with 0`() throws {
            for delay in [0, 20_000, 100_000] as [useconds_t] {
                let server = Server([
                    "serve", "--model-path", Fixture.model("qwen2"), "--port", "\(Fixture.freePort())",
                ])
                // Before its handlers are there a signal has its ordinary effect.
                while server.descendants.isEmpty && server.poll() == nil { usleep(1000) }
                usleep(delay)
                server.signal(SIGTERM)
                #expect(server.wait() == 0, "\(server.log)")
                #expect(server.descendants.isEmpty)
            }
        }

        @Test
        func `two servers of one user do not meet`() throws {
            let first = try Server.serving(Fixture.model("qwen2"))
            let second = try Server.serving(Fixture.model("qwen3"), runtimeParent: first.runtimeParent)
            let folder = "\(first.runtimeParent)/apus"
            #expect(Fixture.names(in: folder).count == 2)
            var status = stat()
            for path in [folder] + Fixture.names(in: folder).map({ "\(folder)/\($0)" }) {
                #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o700)
            }
            #expect(stat("\(folder)/serve-\(first.processID)/configuration.json", &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            for server in [first, second] {
                #expect(
                    try HTTPClient(port: server.port).post("/generate", Requests.generate("Hi", tokens: 4)).status
                        == 200)
                server.signal(SIGTERM)
                #expect(server.wait() == 0)
            }
        }

        @Test
        func `each role runs alone`() throws {
            let port = Fixture.freePort()
            let flags = ["--model-path", Fixture.model("qwen2"), "--port", String(port), "--max-total-tokens", "16Ki"]
            let front = Server(["front"] + flags, port: port)
            let detokenizer = Server(["detokenizer"] + flags, runtimeParent: front.runtimeParent)
            let scheduler = Server(["scheduler"] + flags, runtimeParent: front.runtimeParent)
            try front.waitUntilHealthy()
            let answer = try HTTPClient(port: port).post("/generate", Requests.generate("Hi", tokens: 4))
            #expect(try answer.json()["meta_info"]?["completion_tokens"] == 4)
            for server in [front, scheduler, detokenizer] {
                server.signal(SIGTERM)
                #expect(server.wait() == 0, "\(server.log)")
            }
        }
    }
}
