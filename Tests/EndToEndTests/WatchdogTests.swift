import ApusCore
import ApusJSON
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension EndToEnd {
    /// Processes that live but stand still, and one that only has much to do.
    @Suite
    struct WatchdogTests {
        @Test(arguments: ["scheduler", "detokenizer", "front"])
        func `a process that stands still is replaced`(role: String) throws {
            let server = try Server.serving(
                Fixture.model("qwen2"), ["--watchdog-timeout", "2", "--soft-watchdog-timeout", "1"])
            let stopped = try server.role(role)
            kill(stopped, SIGSTOP)
            #expect(Fixture.eventually { !Fixture.isAlive(stopped) }, "\(server.log)")
            try server.waitUntilHealthy()
            #expect(server.log.contains("\(role) has made no progress for 1 s (--soft-watchdog-timeout)"))
            #expect(server.log.contains("\(role) has made no progress for 2 s (--watchdog-timeout)"))
            let answer = try HTTPClient(port: server.port).post("/generate", Requests.generate("Hi", tokens: 4))
            #expect(answer.status == 200)
            server.signal(SIGTERM)
            #expect(server.wait() == 0)
        }

        @Test(arguments: ["scheduler", "detokenizer"])
        func `health tells of it within seconds, and of its return`(role: String) throws {
            let server = try Server.serving(Fixture.model("qwen2"), environment: ["SGLANG_HEALTH_CHECK_TIMEOUT": "3"])
            let client = HTTPClient(port: server.port)
            let stopped = try server.role(role)
            kill(stopped, SIGSTOP)
            let since = Clocks.monotonic()
            #expect(try Fixture.eventually { try client.get("/health").status == 503 }, "\(server.log)")
            #expect(Clocks.monotonic() - since < 15)
            kill(stopped, SIGCONT)
            #expect(try Fixture.eventually { try client.get("/health").status == 200 }, "\(server.log)")
            #expect(try client.post("/generate", Requests.generate("Hi", tokens: 4)).status == 200)
        }

        @Test
        func `a busy server is healthy, and is not taken for one that stands still`() throws {
            let server = try Server.serving(Fixture.model("qwen2"), ["--watchdog-timeout", "3"])
            let port = server.port
            let scheduler = try server.role("scheduler")
            let ids = JSONValue.array((0..<400).map { JSONValue(1 + $0 % 200) })
            let isOver = Synchronized(false)
            let health = Synchronized<[Int]>([])
            let watcher = NamedThread("watcher") {
                while !isOver.value {
                    let status = (try? HTTPClient(port: port).get("/health"))?.status ?? 0
                    health.change { $0.append(status) }
                    usleep(20_000)
                }
            }
            let end = Clocks.monotonic() + 4
            let statuses = Requests.concurrently(8) { client -> [Int] in
                var statuses: [Int] = []
                while Clocks.monotonic() < end {
                    // A salt of its own, so that nothing comes from the cache.
                    let body: JSONValue = [
                        "input_ids": ids, "cache_salt": .string("\(client) \(statuses.count)"),
                        "sampling_params": ["max_new_tokens": 2, "ignore_eos": true],
                    ]
                    statuses.append((try? HTTPClient(port: port).post("/generate", body))?.status ?? 0)
                }
                return statuses
            }
            isOver.change { $0 = true }
            watcher.join()
            #expect(statuses.allSatisfy { !$0.isEmpty && $0.allSatisfy { $0 == 200 } })
            #expect(health.value.count > 5 && health.value.allSatisfy { $0 == 200 }, "\(health.value)")
            #expect(try server.role("scheduler") == scheduler)
        }
    }
}
