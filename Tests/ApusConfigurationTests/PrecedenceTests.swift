import ApusConfiguration
import ApusTestSupport
import Testing

struct PrecedenceTests {
    @Test
    func `command line, environment, file, default`() throws {
        let directory = TemporaryDirectory()
        directory.write(Array("port: 3\nhost: file\nstream_interval: 30\n".utf8), to: "apus.yaml")
        let file = ["--config", "\(directory.path)/apus.yaml"]
        let environment = ["APUS_PORT": "2", "APUS_HOST": "environment"]

        let all = try load(file + ["--port", "1"], environment: environment)
        #expect(all.port == 1)
        #expect(all.host == "environment")
        #expect(all.streamInterval == 30)
        #expect(all.decodeLogInterval == 40)

        #expect(try load(file, environment: environment).port == 2)
        #expect(try load(file).port == 3)
        #expect(try load([]).port == 30000)
        #expect(try load([], environment: ["APUS_CONFIG": "\(directory.path)/apus.yaml"]).host == "file")
    }

    @Test
    func `an empty variable is as good as none`() throws {
        #expect(try load([], environment: ["APUS_PORT": "", "APUS_API_KEY": ""])["api-key"] == .null)
    }

    @Test
    func `a switch of the file can be turned off above it`() throws {
        let directory = TemporaryDirectory()
        directory.write(Array("disable-radix-cache: true\n".utf8), to: "a.yaml")
        let file = ["--config", "\(directory.path)/a.yaml"]
        #expect(try load(file).disablesRadixCache)
        #expect(try !load(file + ["--disable-radix-cache=false"]).disablesRadixCache)
        #expect(try !load(file, environment: ["APUS_DISABLE_RADIX_CACHE": "0"]).disablesRadixCache)
    }

    @Test(arguments: [
        ("port: x\n", "%: port: invalid int value: 'x'"),
        ("prot: 1\n", "%:1: unknown key 'prot' (did you mean port?)"),
        ("config: b.yaml\n", "%:1: a file cannot name another"),
        ("\nport: 1\nport: 2\n", nil),
        ("port: 1\n\"port\": 2\n", nil),
        ("max-total-tokens: 32k\nmax_total_tokens: 1\n", "%:2: 'max_total_tokens' is given twice"),
        ("- port\n", "%: a mapping of flag names to values is expected"),
        ("port: {a: 1}\n", "%:1: 'port' needs a plain value (JSON objects go in quotes)"),
        (
            "bucket-inter-token-latency: [[1]]\n",
            "%:1: 'bucket-inter-token-latency' is a list of something else than words"
        ),
        ("tp-size: 2\n", "%: tp-size: 2 is not supported: this version runs one scheduler"),
    ])
    func `mistakes in the file name it and the key`(text: String, message: String?) throws {
        let directory = TemporaryDirectory()
        directory.write(Array(text.utf8), to: "a.yaml")
        let path = "\(directory.path)/a.yaml"
        let refused = try #require(refusal(["--config", path]))
        if let message {
            #expect(refused == message.replacing("%", with: path))
        } else {
            // Yams finds keys that are spelt alike by itself.
            #expect(refused.hasPrefix("\(path): not YAML: "))
        }
    }

    @Test
    func `an empty file and empty values mean nothing`() throws {
        let directory = TemporaryDirectory()
        directory.write(Array("# nothing\n".utf8), to: "empty.yaml")
        directory.write(Array("port:\nhost: ~\nmax-total-tokens: 32Ki\nserved-model-name: \"\"\n".utf8), to: "a.yaml")
        #expect(try load(["--config", "\(directory.path)/empty.yaml"]).port == 30000)
        let configuration = try load(["--config", "\(directory.path)/a.yaml"])
        #expect(configuration.port == 30000)
        #expect(configuration.host == "127.0.0.1")
        #expect(configuration.maxTotalTokens == 32768)
        #expect(configuration.servedModelName == "")
    }

    @Test
    func `a file that is not there`() {
        #expect(
            refusal(["--config", "/nonexistent/a.yaml"])
                == "argument --config: /nonexistent/a.yaml: No such file or directory")
    }

    @Test(arguments: [
        (["APUS_PORT": "x"], "environment variable APUS_PORT: invalid int value: 'x'"),
        (["APUS_PROT": "1"], "environment variable APUS_PROT: unknown (did you mean APUS_PORT?)"),
        (
            ["APUS_TP_SIZE": "2"],
            "environment variable APUS_TP_SIZE: 2 is not supported: this version runs one scheduler"
        ),
        (
            ["SGLANG_HEALTH_CHECK_TIMEOUT": "soon"],
            "environment variable SGLANG_HEALTH_CHECK_TIMEOUT: invalid float value: 'soon'"
        ),
        (
            ["SGL_FORCE_SHUTDOWN": "maybe"],
            "environment variable SGL_FORCE_SHUTDOWN: invalid bool value: 'maybe' (true or false)"
        ),
    ])
    func `mistakes in the environment name the variable`(environment: [String: String], message: String) {
        #expect(refusal([], environment: environment) == message)
    }

    @Test
    func `the reference's variables are read`() throws {
        let settings = try load(
            [],
            environment: [
                "SGLANG_HEALTH_CHECK_TIMEOUT": "1.5", "SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION": "false",
                "SGLANG_WARMUP_TIMEOUT": "-1", "SGLANG_REQ_WAITING_TIMEOUT": "7", "SGLANG_REQ_RUNNING_TIMEOUT": "-1",
                "SGLANG_MAX_NEW_TOKENS_LIMIT": "99", "SGLANG_CPU_OMP_THREADS_BIND": "0-3", "SGL_FORCE_SHUTDOWN": "1",
                "SGLANG_DETOKENIZER_MAX_STATES": "12",
            ]
        ).environment
        #expect(settings.healthCheckTimeout == 1.5)
        #expect(!settings.healthEndpointGenerates)
        #expect(settings.warmupTimeout == 600)
        #expect(settings.waitingTimeout == 7)
        #expect(settings.runningTimeout == nil)
        #expect(settings.maxNewTokensLimit == 99)
        #expect(settings.threadBinding == "0-3")
        #expect(settings.forcesShutdown)
        #expect(settings.detokenizerMaxStates == 12)
        #expect(settings.forcedStreamInterval == 50)
    }
}
