import ApusJSON
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension EndToEnd {
    /// The first thing that a newcomer does.
    @Suite
    struct BundledModelTests {
        @Test
        func `without a model path the bundled model answers`() throws {
            let port = Fixture.freePort()
            let server = Server(["serve", "--port", String(port), "--log-requests"], port: port)
            try server.waitUntilHealthy()
            let client = HTTPClient(port: port)
            let body = Requests.generate("The capital of France is", tokens: 8)
            #expect(try client.post("/generate", body).json()["text"]?.stringValue?.hasPrefix(" Paris") == true)
            #expect(
                try client.get("/get_model_info").json()["model_path"]
                    == .string("\(Fixture.package)/Deploy/models/apus-mini"))
            #expect(server.log.contains("The capital of France is"))
            server.signal(SIGTERM)
            #expect(server.wait() == 0, "\(server.log)")
        }
    }
}
