import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension EndToEnd {
    /// The packages that people use as clients: `Tests/Clients/clients.py` says what is asked of them.
    @Suite
    struct ClientTests {
        private static let python = "\(Fixture.package)/.build/clients/bin/python"

        @Test(
            .enabled(
                if: access(python, X_OK) == 0,
                "the client packages are not there: Tests/run installs them, unless PyPI cannot be reached"))
        func `openai, anthropic and ollama understand every answer`() throws {
            let chat = try Server.serving(
                Fixture.model("qwen2"),
                ["--tool-call-parser", "qwen25", "--constrained-json-disable-any-whitespace"])
            let embedding = try Server.serving(Fixture.model("embed-qwen2"))
            let clients = Server(
                ["\(Fixture.package)/Tests/Clients/clients.py"]
                    + [chat, embedding].map { "http://127.0.0.1:\($0.port)" },
                executable: Self.python)
            let code = clients.wait(seconds: 240)
            #expect(code == 0, "\(clients.output)\n\(clients.log)")
            #expect(chat.poll() == nil && embedding.poll() == nil)
        }
    }
}
