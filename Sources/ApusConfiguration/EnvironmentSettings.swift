package import ApusJSON

/// The environment variables of the reference runtime that Apus obeys, read once.
package struct EnvironmentSettings: Sendable, Hashable {
    /// Seconds before `/health` gives up.
    package private(set) var healthCheckTimeout = 20.0
    /// `/health` generates a token.
    package private(set) var healthEndpointGenerates = true
    /// Seconds that the warm-up request may take.
    package private(set) var warmupTimeout = 600.0
    /// Seconds that an idle HTTP connection stays open.
    package private(set) var keepAliveTimeout = 5.0
    /// Tokens between internal updates of requests that do not stream.
    package private(set) var forcedStreamInterval = 50
    /// Seconds that a request may wait; nil: for ever.
    package private(set) var waitingTimeout: Double?
    /// Seconds that a request may run; nil: for ever.
    package private(set) var runningTimeout: Double?
    /// Upper limit of max_new_tokens.
    package private(set) var maxNewTokensLimit: Int?
    /// A request waits for its grammar until it has been asked for so often, at such an interval in seconds.
    package private(set) var grammarPollInterval = 0.005
    package private(set) var grammarPollLimit = 10000
    package private(set) var initialNewTokenRatio = 0.7
    package private(set) var minimumNewTokenRatioFactor = 0.14
    package private(set) var newTokenRatioDecaySteps = 600
    package private(set) var retractDecodeSteps = 20
    package private(set) var newTokensEstimationLimit = 4096
    package private(set) var inBatchPrefixCheckThreshold = 32
    package private(set) var inBatchPrefixDeprioritizeThreshold = 32
    package private(set) var detokenizerMaxStates = 65536
    package private(set) var allowsLongerContext = false
    /// Core lists, one a rank: `0-31|32-63`.
    package private(set) var threadBinding: String?
    /// Log probabilities of outputs are not divided by the temperature.
    package private(set) var returnsOriginalLogprobs = false
    /// NaN and infinite logits become finite.
    package private(set) var sanitizesLogits = false
    /// Where records of experts go.
    package private(set) var expertRecordDirectory: String?
    /// SIGTERM does not wait for running requests.
    package private(set) var forcesShutdown = false

    /// `APUS_` variables that are not flags.
    static let ownVariables: Set<String> = ["APUS_BUNDLED_MODEL", "APUS_KERNELS"]

    /// One variable: how its text gets into the settings and out again.
    struct Variable: Sendable {
        let name: String
        let read: @Sendable (String, inout EnvironmentSettings) throws(FlagKindError) -> Void
        let json: @Sendable (EnvironmentSettings) -> JSONValue
    }

    /// Throws for a value that its variable cannot have.
    package init(_ environment: [String: String]) throws(ConfigurationError) {
        for variable in Self.variables {
            guard let text = environment[variable.name], !text.isEmpty else { continue }
            do {
                try variable.read(text, &self)
            } catch {
                throw ConfigurationError("environment variable \(variable.name): \(error.message)")
            }
        }
    }

    package init() {}

    static let variables: [Variable] = [
        number("SGLANG_HEALTH_CHECK_TIMEOUT", \.healthCheckTimeout, 0.001...86400),
        boolean("SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION", \.healthEndpointGenerates),
        Variable(name: "SGLANG_WARMUP_TIMEOUT") { text, settings throws(FlagKindError) in
            let seconds = try Self.seconds(text)
            settings.warmupTimeout = seconds < 0 ? 600 : seconds
        } json: {
            .double($0.warmupTimeout)
        },
        number("SGLANG_TIMEOUT_KEEP_ALIVE", \.keepAliveTimeout, 0...86400),
        integer("SGLANG_FORCE_STREAM_INTERVAL", \.forcedStreamInterval, 1...Int.max),
        timeout("SGLANG_REQ_WAITING_TIMEOUT", \.waitingTimeout),
        timeout("SGLANG_REQ_RUNNING_TIMEOUT", \.runningTimeout),
        Variable(name: "SGLANG_MAX_NEW_TOKENS_LIMIT") { text, settings throws(FlagKindError) in
            settings.maxNewTokensLimit = try Self.whole(text, 1...Int.max)
        } json: {
            $0.maxNewTokensLimit.map { JSONValue($0) } ?? .null
        },
        number("SGLANG_GRAMMAR_POLL_INTERVAL", \.grammarPollInterval, 0.0001...3600),
        integer("SGLANG_GRAMMAR_MAX_POLL_ITERATIONS", \.grammarPollLimit, 1...1_000_000_000),
        number("SGLANG_INIT_NEW_TOKEN_RATIO", \.initialNewTokenRatio, 0...1),
        number("SGLANG_MIN_NEW_TOKEN_RATIO_FACTOR", \.minimumNewTokenRatioFactor, 0...1),
        integer("SGLANG_NEW_TOKEN_RATIO_DECAY_STEPS", \.newTokenRatioDecaySteps, 1...Int.max),
        integer("SGLANG_RETRACT_DECODE_STEPS", \.retractDecodeSteps, 0...Int.max),
        integer("SGLANG_CLIP_MAX_NEW_TOKENS_ESTIMATION", \.newTokensEstimationLimit, 1...Int.max),
        integer("IN_BATCH_PREFIX_CACHING_CHECK_THRESHOLD", \.inBatchPrefixCheckThreshold, 0...Int.max),
        integer(
            "IN_BATCH_PREFIX_CACHING_DEPRIORITIZE_THRESHOLD", \.inBatchPrefixDeprioritizeThreshold, 0...Int.max),
        integer("SGLANG_DETOKENIZER_MAX_STATES", \.detokenizerMaxStates, 1...Int.max),
        boolean("SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN", \.allowsLongerContext),
        Variable(name: "SGLANG_CPU_OMP_THREADS_BIND") { text, settings throws(FlagKindError) in
            // "all" is the reference's word for its default.
            settings.threadBinding = text == "all" ? nil : text
        } json: {
            JSONValue($0.threadBinding)
        },
        boolean("SGLANG_RETURN_ORIGINAL_LOGPROB", \.returnsOriginalLogprobs),
        boolean("SGLANG_SANITIZE_NAN_LOGITS", \.sanitizesLogits),
        Variable(name: "SGLANG_EXPERT_DISTRIBUTION_RECORDER_DIR") { text, settings throws(FlagKindError) in
            settings.expertRecordDirectory = text
        } json: {
            JSONValue($0.expertRecordDirectory)
        },
        boolean("SGL_FORCE_SHUTDOWN", \.forcesShutdown),
    ]

    private typealias Path<Value> = any WritableKeyPath<EnvironmentSettings, Value> & Sendable

    private static func boolean(_ name: String, _ path: Path<Bool>) -> Variable {
        Variable(name: name) { text, settings throws(FlagKindError) in
            guard case .boolean(let value) = try FlagKind.boolean.value(of: text) else { return }
            settings[keyPath: path] = value
        } json: {
            .bool($0[keyPath: path])
        }
    }

    private static func integer(_ name: String, _ path: Path<Int>, _ range: ClosedRange<Int>) -> Variable {
        Variable(name: name) { text, settings throws(FlagKindError) in
            settings[keyPath: path] = try whole(text, range)
        } json: {
            JSONValue($0[keyPath: path])
        }
    }

    private static func number(_ name: String, _ path: Path<Double>, _ range: ClosedRange<Double>) -> Variable {
        Variable(name: name) { text, settings throws(FlagKindError) in
            guard case .number(let value) = try FlagKind.number(range).value(of: text) else { return }
            settings[keyPath: path] = value
        } json: {
            .double($0[keyPath: path])
        }
    }

    /// A negative number of seconds is "off".
    private static func timeout(_ name: String, _ path: Path<Double?>) -> Variable {
        Variable(name: name) { text, settings throws(FlagKindError) in
            let seconds = try seconds(text)
            settings[keyPath: path] = seconds < 0 ? nil : seconds
        } json: {
            $0[keyPath: path].map(JSONValue.double) ?? .null
        }
    }

    private static func whole(_ text: String, _ range: ClosedRange<Int>) throws(FlagKindError) -> Int {
        guard case .integer(let value) = try FlagKind.integer(range).value(of: text) else { return 0 }
        return value
    }

    private static func seconds(_ text: String) throws(FlagKindError) -> Double {
        guard case .number(let value) = try FlagKind.number(-86400...86_400_000).value(of: text) else { return 0 }
        return value
    }
}

extension EnvironmentSettings {
    /// By variable name.
    package var json: JSONValue {
        .object(JSONObject(Self.variables.map { ($0.name, $0.json(self)) }))
    }

    /// Reads what `json` wrote.
    package init(json: JSONValue) throws(ConfigurationError) {
        var texts: [String: String] = [:]
        for member in json.objectValue ?? JSONObject() where !member.value.isNull {
            texts[member.key] = member.value.stringValue ?? member.value.description
        }
        try self.init(texts)
    }
}
