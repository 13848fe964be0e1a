package import ApusCore
package import ApusJSON

/// Typed names for the values that the roles use; absent ones are nil.
extension ServeConfiguration {
    // Model.
    package var modelPath: String? { text("model-path") }
    package var tokenizerPath: String? { text("tokenizer-path") }
    package var loadFormat: String { requiredText("load-format") }
    package var contextLength: Int? { integer("context-length") }
    package var revision: String? { text("revision") }
    package var downloadDirectory: String? { text("download-dir") }
    package var quantization: String? { text("quantization") }
    package var modelOverrides: JSONObject { object("json-model-override-args") ?? JSONObject() }
    package var dtype: String { requiredText("dtype") }
    /// nil: models may be anywhere.
    package var allowedModelRoots: [String]? {
        guard case .list(let folders) = self["allowed-model-roots"] else { return nil }
        return folders
    }

    // HTTP.
    package var host: String { requiredText("host") }
    package var port: Int { requiredInteger("port") }
    package var skipsWarmup: Bool { boolean("skip-server-warmup") }
    package var refreshesCertificates: Bool { boolean("enable-ssl-refresh") }
    package var servedModelName: String? { text("served-model-name") }
    package var weightVersion: String { requiredText("weight-version") }
    package var preferredSampling: JSONObject? { object("preferred-sampling-params") }
    package var samplingDefaults: String { requiredText("sampling-defaults") }
    package var chatTemplate: String? { text("chat-template") }
    package var chatTemplateName: String? { text("hf-chat-template-name") }
    package var chatTemplateVariables: JSONObject? { object("default-chat-template-kwargs") }
    package var toolCallParser: String? { text("tool-call-parser") }
    package var reasoningParser: String? { text("reasoning-parser") }
    package var jsonWhitespace: JSONWhitespace {
        if boolean("constrained-json-disable-any-whitespace") { return .none }
        if let pattern = text("constrained-json-whitespace-pattern") { return .pattern(pattern) }
        return .upTo(integer("constrained-json-max-whitespace-cnt") ?? JSONWhitespace.bound)
    }
    package var reportsCache: Bool { boolean("enable-cache-report") }
    package var includesUsage: Bool { boolean("stream-response-default-include-usage") }
    package var truncatesPrompts: Bool { boolean("allow-auto-truncate") }
    package var streamInterval: Int { requiredInteger("stream-interval") }
    package var streamsIncrementally: Bool { boolean("incremental-streaming-output") }

    // Memory and scheduling.
    package var memoryFraction: Double? { number("mem-fraction-static") }
    package var maxTotalTokens: Int? { integer("max-total-tokens") }
    package var maxRunningRequests: Int? { integer("max-running-requests") }
    package var maxQueuedRequests: Int? { integer("max-queued-requests") }
    /// `auto`, `bf16`, `bfloat16` or `int8`.
    package var kvCacheFormat: String { text("kv-cache-dtype") ?? "auto" }
    /// -1: prompts are not cut.
    package var chunkedPrefillSize: Int? { integer("chunked-prefill-size") }
    package var maxPrefillTokens: Int { requiredInteger("max-prefill-tokens") }
    package var prefillMaxRequests: Int? { integer("prefill-max-requests") }
    package var schedulePolicy: String { requiredText("schedule-policy") }
    package var scheduleConservativeness: Double { requiredNumber("schedule-conservativeness") }
    package var disablesRadixCache: Bool { boolean("disable-radix-cache") }
    package var pageSize: Int { integer("page-size") ?? 1 }

    // Execution.
    package var threads: Int? { integer("threads") }
    package var randomSeed: Int? { integer("random-seed") }
    package var allowsGrammars: Bool { requiredText("grammar-backend") != "none" }
    package var returnsHiddenStates: Bool { boolean("enable-return-hidden-states") }
    package var hiddenStatesMode: String? { text("return-hidden-states-mode") }

    // Observability.
    package var logLevel: String { requiredText("log-level") }
    package var httpLogLevel: String { text("log-level-http") ?? logLevel }
    package var logsRequests: Bool { boolean("log-requests") }
    package var requestLogLevel: Int { requiredInteger("log-requests-level") }
    package var requestLogFormat: String { requiredText("log-requests-format") }
    package var logFormat: String { requiredText("log-format") }
    /// nil: the log's own place.
    package var requestLogTargets: [String]? { list("log-requests-target") }
    package var slowRequestThreshold: Double? { number("slow-request-threshold") }
    package var logsRequestTimes: Bool { boolean("enable-request-time-stats-logging") }
    package var silentPaths: [String] { list("uvicorn-access-log-exclude-prefixes") ?? [] }
    package var servesMetrics: Bool { boolean("enable-metrics") }
    package var metricLabels: JSONObject { object("extra-metric-labels") ?? JSONObject() }
    package var firstTokenBuckets: [String]? { list("bucket-time-to-first-token") }
    package var interTokenBuckets: [String]? { list("bucket-inter-token-latency") }
    package var endToEndBuckets: [String]? { list("bucket-e2e-request-latency") }
    package var promptBuckets: [String]? { list("prompt-tokens-buckets") }
    package var generationBuckets: [String]? { list("generation-tokens-buckets") }
    package var traces: Bool { boolean("enable-trace") }
    package var traceEndpoint: String { requiredText("otlp-traces-endpoint") }
    package var decodeLogInterval: Int { requiredInteger("decode-log-interval") }
    package var watchdogTimeout: Double { requiredNumber("watchdog-timeout") }
    package var softWatchdogTimeout: Double? { number("soft-watchdog-timeout") }

    package var expertRecorderMode: String? { text("expert-distribution-recorder-mode") }
    /// nil: no limit.
    package var expertRecorderPassLimit: Int? {
        let limit = integer("expert-distribution-recorder-buffer-size") ?? 1000
        return limit > 0 ? limit : nil
    }
    /// A model that could generate is to make vectors.
    package var isEmbedding: Bool { boolean("is-embedding") }

    // Processes.
    package var runtimeDirectory: String? { text("runtime-dir") }

    func text(_ name: String) -> String? {
        guard case .text(let value) = self[name] else { return nil }
        return value
    }

    private func list(_ name: String) -> [String]? {
        guard case .list(let value) = self[name] else { return nil }
        return value
    }

    private func integer(_ name: String) -> Int? {
        guard case .integer(let value) = self[name] else { return nil }
        return value
    }

    private func number(_ name: String) -> Double? {
        guard case .number(let value) = self[name] else { return nil }
        return value
    }

    private func boolean(_ name: String) -> Bool {
        guard case .boolean(let value) = self[name] else { preconditionFailure("--\(name) is no switch") }
        return value
    }

    private func object(_ name: String) -> JSONObject? {
        guard let text = text(name) else { return nil }
        // Its kind has parsed it before.
        return (try? JSONValue(parsing: text))?.objectValue
    }

    private func requiredText(_ name: String) -> String {
        guard let value = text(name) else { preconditionFailure("--\(name) has no text") }
        return value
    }

    private func requiredInteger(_ name: String) -> Int {
        guard let value = integer(name) else { preconditionFailure("--\(name) has no number") }
        return value
    }

    private func requiredNumber(_ name: String) -> Double {
        guard let value = number(name) else { preconditionFailure("--\(name) has no number") }
        return value
    }
}
