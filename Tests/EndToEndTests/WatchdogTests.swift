import ApusCore
import ApusJSON
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension EndToEnd {
    /// A process that lives but stands still.
    @Suite
    struct WatchdogTests {
        @Test
        func `a scheduler that stands still is replaced`() throws {
            let server = try Server.serving(
                Fixture.model("qwen2"), ["--watchdog-timeout", "2", "--soft-watchdog-timeout", "1"])
            let stopped = try server.role("scheduler")
            kill(stopped, SIGSTOP)
            #expect(Fixture.eventually { !Fixture.isAlive(stopped) }, "\(server.log)")
            try server.waitUntilHealthy()
            #expect(server.log.contains("scheduler has made no progress for 1 s (--soft-watchdog-timeout)"))
            #expect(server.log.contains("scheduler has made no progress for 2 s (--watchdog-timeout)"))
            let answer = try HTTPClient(port: server.port).post("/generate", Requests.generate("Hi", tokens: 4))
            #expect(answer.status == 200)
            server.signal(SIGTERM)
            #expect(server.wait() == 0)
        }
    }
}
