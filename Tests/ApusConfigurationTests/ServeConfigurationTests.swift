import ApusConfiguration
import ApusJSON
import ApusTestSupport
import Testing

struct ServeConfigurationTests {
    private func resolve(_ configuration: ServeConfiguration) throws -> ServeConfiguration {
        try configuration.resolved(bundledModel: { () throws(ConfigurationError) in "/bundled" }, seed: 5)
    }

    @Test(arguments: [
        (["--served-model-name", "a:b"], "argument --served-model-name: 'a:b' must not contain ':'"),
        (
            ["--chunked-prefill-size", "100", "--page-size", "16"],
            "argument --chunked-prefill-size: 100 is not a multiple of --page-size 16"
        ),
        (["--chunked-prefill-size", "0"], "argument --chunked-prefill-size: 0 is neither -1 nor a size"),
        (["--schedule-conservativeness", "-1"], "argument --schedule-conservativeness: -1.0 is below 0.0"),
        (
            ["--max-total-tokens", "8", "--page-size", "16"],
            "argument --max-total-tokens: 8 is less than --page-size 16"
        ),
        (
            ["--soft-watchdog-timeout", "400"],
            "argument --soft-watchdog-timeout: 400.0 is not below --watchdog-timeout 300.0"
        ),
        (
            ["--load-format", "dummy"],
            "argument --load-format: dummy needs --model-path, a folder with a config.json"
        ),
        (
            ["--api-key", "k", "--admin-api-key", "k"],
            "argument --admin-api-key: the same as --api-key, which protects nothing more"
        ),
    ])
    func `contradictions are refused`(arguments: [String], message: String) {
        #expect(refusal(arguments) == message)
    }

    @Test
    func `unset values follow from others`() throws {
        let bundled = try resolve(try load([]))
        #expect(bundled.modelPath == "/bundled")
        #expect(bundled.tokenizerPath == "/bundled")
        #expect(bundled.servedModelName == "/bundled")
        #expect(bundled.randomSeed == 5)
        #expect(bundled.httpLogLevel == "info")
        #expect(bundled.fields["device"] == "cpu")
        #expect(bundled.fields["context_length"] == .null)

        let named = try resolve(
            try load(["--model", "m", "--tokenizer", "t", "--served-model-name", "n", "--random-seed", "9"]))
        #expect(named.modelPath == "m")
        #expect(named.tokenizerPath == "t")
        #expect(named.servedModelName == "n")
        #expect(named.randomSeed == 9)
    }

    @Test
    func `a model path with a colon needs a served name`() throws {
        let configuration = try load(["--model", "C:x"])
        #expect(throws: ConfigurationError("argument --served-model-name: needed, because the model path contains ':'"))
        {
            try resolve(configuration)
        }
    }

    @Test
    func `children read back what the parent wrote`() throws {
        let original = try resolve(
            try load(
                [
                    "--model", "m\n\"x\"", "--api-key", "geheim", "--mem-fraction-static", "0.25", "--max-total-tokens",
                    "1Mi", "--disable-radix-cache", "--preferred-sampling-params", "{\"top_k\":3}",
                    "--bucket-inter-token-latency", "0.5", "1",
                ],
                environment: ["SGLANG_MAX_NEW_TOKENS_LIMIT": "7", "SGLANG_REQ_WAITING_TIMEOUT": "2.5"]))
        let bytes = original.json.serialized
        let copy = try ServeConfiguration(json: JSONValue(parsing: bytes))
        #expect(copy.json == original.json)
        #expect(copy["api-key"] == .text("geheim"))
        #expect(copy.environment == original.environment)
        #expect(copy.preferredSampling == ["top_k": 3])
        for flag in FlagTable.standard.flags { #expect(copy[flag.name] == original[flag.name]) }
    }

    @Test(arguments: [
        "{}", "{\"values\":{\"nonsense\":1},\"environment\":{}}",
        "{\"values\":{\"port\":\"x\"},\"environment\":{}}",
    ])
    func `another version's value is refused`(text: String) throws {
        let json = try JSONValue(parsing: text)
        #expect(throws: ConfigurationError.self) { try ServeConfiguration(json: json) }
    }

    @Test
    func `fields hide keys and name every flag`() throws {
        let fields = try resolve(try load(["--api-key", "geheim"])).fields
        #expect(fields["api_key"] == "***")
        #expect(fields["admin_api_key"] == .null)
        #expect(fields["tp_size"] == 1)
        #expect(fields["schedule_policy"] == "fcfs")
        #expect(fields.count == FlagTable.standard.flags.count - 1)
        #expect(!JSONValue.object(fields).description.contains("geheim"))
    }

    @Test(arguments: [
        (["--api-key", "geheim", "--port", "1"], ["--api-key", "***", "--port", "1"]),
        (["--api-key=geheim"], ["--api-key=***"]),
        (["--admin_api", "geheim", "--is", "geheim"], ["--admin_api", "***", "--is", "geheim"]),
        (["--api-key"], ["--api-key"]),
    ])
    func `command lines are shown without keys`(arguments: [String], shown: [String]) {
        #expect(LaunchCommand.redacted(arguments) == shown)
    }

    @Test
    func `the bundled model is found beside the executable or in the checkout`() throws {
        let tree = TemporaryDirectory()
        #expect(throws: ConfigurationError.self) {
            try BundledModel.find(executable: "\(tree.path)/bin/apus", environment: [:])
        }
        tree.write([], to: "config.json")
        #expect(
            try BundledModel.find(executable: "/bin/apus", environment: ["APUS_BUNDLED_MODEL": tree.path]) == tree.path)
        #expect(throws: ConfigurationError("environment variable APUS_BUNDLED_MODEL: /nonexistent has no config.json"))
        {
            try BundledModel.find(executable: "/bin/apus", environment: ["APUS_BUNDLED_MODEL": "/nonexistent"])
        }
    }
}
