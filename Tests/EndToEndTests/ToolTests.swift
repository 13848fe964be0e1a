import ApusJSON
import ApusTestSupport
import Testing

extension EndToEnd {
    /// The commands that serve nothing.
    @Suite
    struct ToolTests {
        private func run(_ arguments: [String]) -> (code: Int32?, output: String, log: String) {
            let command = Server(arguments)
            let code = command.wait()
            return (code, command.output, command.log)
        }

        @Test(.disabled(if: isSanitizing))
        func `malloc of the executable is jemalloc's`() throws {
            let (code, output, _) = run(["version", "--verbose"])
            #expect(code == 0)
            #expect(output.contains("allocator: jemalloc 5."))
            let counted = try #require(output.split(separator: " ").last.flatMap { Int($0.filter(\.isNumber)) })
            #expect(counted >= 16 << 20 && counted < 17 << 20, "\(output)")
        }

        @Test
        func `settings are the sample file`() {
            #expect(run(["settings"]).output == Fixture.text(of: "\(Fixture.package)/Config/apus.yaml"))
        }

        @Test
        func `help names the flags`() {
            for command in ["serve", "front", "scheduler", "detokenizer"] {
                let (code, output, _) = run([command, "--help"])
                #expect(code == 0)
                #expect(output.hasPrefix("usage: apus \(command) "))
                #expect(output.contains("--max-total-tokens N"))
            }
        }

        @Test
        func `inspect tells what a model and a machine are`() {
            let (code, output, _) = run(["inspect", Fixture.model("llama-scaled")])
            #expect(code == 0)
            for part in ["LlamaForCausalLM", "kernels:", "threads:", "parameters:", "KV pool: "] {
                #expect(output.contains(part), "\(output)")
            }
            // Numbers are counted as they were before they were packed.
            let plain = run(["inspect", Fixture.model("qwen2"), "--quantization", "int4"]).output
            #expect(plain.contains(" projection in int4 in groups of 32, "), "\(plain)")
            let packed = run(["inspect", Fixture.model("quantised-w4a16-32")]).output
            #expect(packed.contains(" projection in int4 in groups of 32, "), "\(packed)")
            #expect(packed.contains("parameters:              148096\n"), "\(packed)")
            for ignored in [["--json"], ["--machine", "--quantization", "int4"], ["--machine", "--is-embedding"]] {
                #expect(run(["inspect"] + ignored).code == 2, "\(ignored)")
            }
            let encoder = run(["inspect", Fixture.model("text-dense")]).output
            for part in [
                "kind:                    encoder\n", "mean, divided by its length", "32 to 24, tanh", "16 tokens",
            ] {
                #expect(encoder.contains(part), "\(encoder)")
            }
            #expect(encoder.contains("texts:                   cut at 16 tokens\n"), "\(encoder)")
            let prompted = run(["inspect", Fixture.model("text-prompt")]).output
            #expect(prompted.contains("texts:                   cut at 24 tokens\n"), "\(prompted)")
            let reward = run(["inspect", Fixture.model("embed-llama-reward")]).output
            #expect(reward.contains("decoder with a reward") && reward.contains("head:                    1 number\n"))
            let absent = run(["inspect", "/nonexistent"])
            #expect(absent.code == 78 && absent.log.hasPrefix("apus inspect: error: "))
        }
    }
}
