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
    /// What cannot be served is refused with one line and a code, by `serve` as by the role itself.
    @Suite
    struct RefusalTests {
        struct Case: Sendable, CustomTestStringConvertible {
            let name: String
            let flags: [String]
            let code: Int32
            /// Parts of the line.
            let parts: [String]
            /// Changes a copy of a sound model, which is then `--model-path`; nil: `flags` say all.
            var damage: (@Sendable (String) -> Void)?

            var testDescription: String { name }
        }

        static let cases: [Case] = [
            Case(
                name: "unknown flag", flags: ["--modle-path", "x"], code: 2,
                parts: ["unrecognized arguments: --modle-path (did you mean --model-path?)"]),
            Case(
                name: "bad choice", flags: ["--dtype", "x"], code: 2,
                parts: ["argument --dtype: invalid choice: 'x' (choose from auto, half, "]),
            Case(
                name: "unsupported", flags: ["--tp", "2"], code: 2,
                parts: ["argument --tp-size: 2 is not supported: this version runs one scheduler"]),
            Case(
                name: "absent path", flags: ["--model-path", "/nonexistent/model"], code: 78,
                parts: ["/nonexistent/model"]),
            Case(
                name: "too long a context", flags: ["--context-length", "1M"], code: 2,
                parts: ["argument --context-length: 1000000 is longer than the model's 512"], damage: { _ in }),
            Case(
                name: "no configuration", flags: [], code: 78, parts: ["config.json"],
                damage: { unlink("\($0)/config.json") }),
            Case(
                name: "unknown architecture",
                flags: ["--json-model-override-args", "{\"architectures\":[\"NoSuchModel\"]}"],
                code: 78, parts: ["NoSuchModel", "Qwen2ForCausalLM"], damage: { _ in }),
            Case(
                name: "no weights", flags: [], code: 78, parts: ["no weights"],
                damage: { unlink("\($0)/model.safetensors") }),
            Case(
                name: "truncated weights", flags: [], code: 78, parts: ["model.safetensors", "truncated"],
                damage: { truncate("\($0)/model.safetensors", 60_000) }),
            Case(
                name: "missing tensor",
                flags: ["--json-model-override-args", "{\"num_hidden_layers\":3,\"layer_types\":null}"], code: 78,
                parts: ["model.layers.2.", "missing"], damage: { _ in }),
            Case(
                name: "wrong shape", flags: ["--json-model-override-args", "{\"intermediate_size\":96}"], code: 78,
                parts: ["mlp"], damage: { _ in }),
            Case(
                name: "no tokenizer", flags: [], code: 78, parts: ["tokenizer"],
                damage: { unlink("\($0)/tokenizer.json") }),
        ]

        @Test(arguments: cases, ["serve", "scheduler"])
        func `one line and a code`(refused: Case, command: String) throws {
            let folder = Fixture.copy(of: Fixture.model("qwen2"))
            var flags = refused.flags + ["--port", "\(Fixture.freePort())", "--log-level", "error"]
            if let damage = refused.damage {
                damage(folder.path)
                flags += ["--model-path", folder.path]
            }
            let server = Server([command] + flags)
            #expect(server.wait(seconds: 20) == refused.code, "\(server.log)")
            let lines = Set(server.log.split(separator: "\n").filter { $0.contains("error: ") })
            // Two roles may stumble over the same thing, and then say the same.
            let messages = Set(lines.map { $0.drop { $0 != ":" } })
            #expect(messages.count == 1, "\(server.log)")
            for part in refused.parts { #expect(lines.first?.contains(part) == true, "\(server.log)") }
            #expect(lines.contains { $0.hasPrefix("apus ") })
            #expect(server.descendants.isEmpty)
            #expect(Fixture.names(in: "\(server.runtimeParent)/apus").filter { $0.hasPrefix("serve-") }.isEmpty)
        }

        @Test
        func `a port in use`() throws {
            let first = try Server.serving(Fixture.model("qwen2"))
            let second = Server(
                ["serve", "--model-path", Fixture.model("qwen2"), "--port", "\(first.port)", "--log-level", "error"])
            #expect(second.wait() == 78, "\(second.log)")
            let lines = second.log.split(separator: "\n").filter { $0.contains("error: ") }
            #expect(lines.count == 1 && lines[0].contains("127.0.0.1:\(first.port) cannot be listened on"))
            #expect(try HTTPClient(port: first.port).get("/health").status == 200)
        }

        @Test
        func `a runtime directory that others can enter`() throws {
            let folder = TemporaryDirectory()
            chmod(folder.path, 0o755)
            let server = Server(["serve", "--model-path", Fixture.model("qwen2"), "--runtime-dir", folder.path])
            #expect(server.wait() == 78)
            #expect(server.log.contains("has mode 755"))
        }
    }
}
