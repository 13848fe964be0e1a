import ApusConfiguration
import Testing

struct CommandLineTests {
    @Test(arguments: [
        (["--port", "1234"], "port", FlagValue.integer(1234)),
        (["--port=1234"], "port", .integer(1234)),
        (["--model", "m"], "model-path", .text("m")),
        (["--model-path", "m"], "model-path", .text("m")),
        (["--tokenizer", "t"], "tokenizer-path", .text("t")),
        (["--tp", "1"], "tp-size", .integer(1)),
        (["--tensor-parallel-size", "1"], "tp-size", .integer(1)),
        (["--dp", "1"], "dp-size", .integer(1)),
        (["--pp=1"], "pp-size", .integer(1)),
        (["--ep", "1"], "ep-size", .integer(1)),
        (["--nccl-init-addr", "h:1"], "dist-init-addr", .text("h:1")),
        (["--mem-fraction", "0.8"], "mem-fraction-static", .number(0.8)),
        (["--max_total_tokens", "7"], "max-total-tokens", .integer(7)),
        (["--chunked-prefill-size", "-1"], "chunked-prefill-size", .integer(-1)),
        (["--disable-radix-cache"], "disable-radix-cache", .boolean(true)),
        (["--disable-radix-cache=false"], "disable-radix-cache", .boolean(false)),
        (["--stream-output"], "incremental-streaming-output", .boolean(true)),
        (["--port", "1", "--port", "2"], "port", .integer(2)),
        (["--served-model-name", ""], "served-model-name", .text("")),
        (
            ["--bucket-inter-token-latency", "0.1", "0.2", "--port", "9"], "bucket-inter-token-latency",
            .list(["0.1", "0.2"])
        ),
        (["--cuda-graph-bs", "1", "2", "--port", "9"], "port", .integer(9)),
    ])
    func `is read like argparse reads it`(arguments: [String], name: String, value: FlagValue) throws {
        #expect(try load(arguments)[name] == value)
    }

    @Test(arguments: [
        ("32k", 32_000), ("25.6k", 25_600), ("1M", 1_000_000), ("32Ki", 32_768), ("1.5M", 1_500_000), ("4096", 4096),
        ("1Mi", 1 << 20), ("2G", 2_000_000_000), ("0.0019k", 1),
    ])
    func `token counts may be written short`(text: String, value: Int) throws {
        for name in ["context-length", "max-total-tokens", "max-prefill-tokens"] {
            #expect(try load(["--\(name)", text])[name] == .integer(value))
        }
    }

    @Test(arguments: [
        "32K", "1m", "32ki", "1.5Ki", "1.5", "k", "", ".5k", "1.k", "1.2.3k", "9999999999999T", "٣k", "+5",
    ])
    func `other spellings of token counts are refused`(text: String) {
        let expected =
            text == "+5"
            ? nil : "argument --max-total-tokens: invalid int value: '\(text)' (digits, or a number like 32k, 1M, 32Ki)"
        if let expected { #expect(refusal(["--max-total-tokens", text]) == expected) }
    }

    @Test(arguments: [
        (["--modle-path", "m"], "unrecognized arguments: --modle-path (did you mean --model-path?)"),
        (["--zzz"], "unrecognized arguments: --zzz (see --help)"),
        (["--zzz", "1", "2"], "unrecognized arguments: --zzz (see --help)"),
        (["stray", "--port", "1"], "unrecognized arguments: stray (see --help)"),
        (["-x"], "unrecognized arguments: -x (see --help)"),
        (["--port"], "argument --port: expected one argument"),
        (["--port", "--host", "h"], "argument --port: expected one argument"),
        (["--port", "x"], "argument --port: invalid int value: 'x'"),
        (["--port", "0"], "argument --port: 0 is not between 1 and 65535"),
        (["--stream-interval", "0"], "argument --stream-interval: 0 is below 1"),
        (["--mem-fraction-static", "lots"], "argument --mem-fraction-static: invalid float value: 'lots'"),
        (["--mem-fraction-static", "1.5"], "argument --mem-fraction-static: 1.5 is not between 0.01 and 1.0"),
        (["--mem-fraction-static", "nan"], "argument --mem-fraction-static: invalid float value: 'nan'"),
        (
            ["--dtype", "x"],
            "argument --dtype: invalid choice: 'x' (choose from auto, half, float16, bfloat16, float, float32)"
        ),
        (
            ["--disable-radix-cache=maybe"],
            "argument --disable-radix-cache: invalid bool value: 'maybe' (true or false)"
        ),
        (["--log-requests-target"], "argument --log-requests-target: expected at least one argument"),
        (
            ["--preferred-sampling-params", "[1]"],
            "argument --preferred-sampling-params: invalid JSON value: '[1]' is not an object"
        ),
        (
            ["--max", "1"],
            "ambiguous option: --max could match --max-total-tokens, --max-running-requests, --max-queued-requests, "
                + "--max-prefill-tokens, --max-loras-per-batch, --max-loaded-loras"
        ),
    ])
    func `mistakes are named`(arguments: [String], message: String) {
        #expect(refusal(arguments) == message)
    }

    @Test
    func `JSON that is not JSON names the byte`() throws {
        let message = try #require(refusal(["--json-model-override-args", "{\"a\":}"]))
        #expect(message.hasPrefix("argument --json-model-override-args: invalid JSON value: '{\"a\":}' ("))
        #expect(message.contains("byte 5"))
    }

    @Test
    func `help is an outcome of its own`() throws {
        for spelling in ["--help", "-h"] {
            guard case .help = try ConfigurationLoader().load(arguments: ["--port", "1", spelling], environment: [:])
            else {
                Issue.record("\(spelling) is no help")
                return
            }
        }
    }
}
