import ApusCore
import ApusJSON
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension EndToEnd {
    /// What clients see when a process is killed under load.
    @Suite
    struct CrashTests {
        /// Long enough that none ends by itself before the blow, short enough for the model's context.
        private static let tokens = 480
        private static let clients = 6

        @Test(arguments: ["scheduler", "detokenizer", "front"])
        func `every request has one ending, and service resumes`(role: String) throws {
            let server = try Server.serving(Fixture.model("qwen2"))
            let port = server.port
            let client = HTTPClient(port: port)
            let body = Requests.generate("Tell me everything", tokens: Self.tokens, stream: true)
            let whole = try #require(
                try client.post("/generate", body.setting("stream", false)).json()["text"]?.stringValue)

            let victim = try server.role(role)
            let started = Counter()
            let killer = NamedThread("killer") {
                // All are under way.
                _ = Fixture.eventually { started.value == Self.clients }
                kill(victim, SIGKILL)
            }
            let endings = Requests.concurrently(Self.clients) { _ -> Requests.Ending in
                guard let exchange = try? HTTPClient(port: port).exchange("POST", "/generate", body) else {
                    return .broken
                }
                var isFirst = true
                return Requests.ending(of: exchange) { _ in
                    if isFirst { started.increment() }
                    isFirst = false
                }
            }
            killer.join()

            for ending in endings {
                switch (role, ending) {
                // Some may have been done in time.
                case (_, .complete(let text)): #expect(text == whole)
                case ("scheduler", .error), ("scheduler", .refused(503)), ("front", .broken): break
                // Its successor is told everything again.
                default: Issue.record("\(role) killed: \(ending), log:\n\(server.log)")
                }
            }
            if role != "detokenizer" {
                #expect(endings.contains { $0 != .complete(text: whole) }, "nothing was interrupted")
            }

            try server.waitUntilHealthy()
            #expect(try server.role(role) != victim)
            let again = try client.post("/generate", body.setting("stream", false)).json()
            #expect(again["text"]?.stringValue == whole)
            let isIdle = try Fixture.eventually {
                let state = try client.get("/get_server_info").json()["internal_states"]?[0]
                return state?["num_running_reqs"] == 0 && state?["kv_held_tokens"] == 0
            }
            #expect(isIdle)
            server.signal(SIGTERM)
            #expect(server.wait() == 0, "\(server.log)")
        }

        @Test
        func `killing the supervisor leaves no orphan, and the next one cleans up`() throws {
            let server = try Server.serving(Fixture.model("qwen2"))
            let children = server.descendants
            #expect(children.count == 3)
            server.signal(SIGKILL)
            #expect(server.wait() == 128 + SIGKILL)
            #expect(Fixture.eventually { children.allSatisfy { !Fixture.isAlive($0) } })
            let parent = "\(server.runtimeParent)/apus"
            #expect(Fixture.names(in: parent).count == 1)

            let next = try Server.serving(Fixture.model("qwen2"), runtimeParent: server.runtimeParent)
            #expect(Fixture.names(in: parent) == ["serve-\(next.processID)"])
            next.signal(SIGTERM)
            #expect(next.wait() == 0)
            #expect(Fixture.names(in: parent).isEmpty)
        }
    }
}

/// A number that several threads raise.
final class Counter: Sendable {
    private let state = Synchronized(0)

    var value: Int { state.value }
    func increment() { state.change { $0 += 1 } }
}
