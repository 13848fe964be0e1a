extension FlagTable {
    private static let levels = FlagKind.choice(["critical", "error", "warning", "info", "debug", "trace"])
    private static let metricsAreMissing = Flag.Support.noEffect("this version serves no /metrics")
    private static let tracesAreMissing = Flag.Support.refused("this version exports no traces or events")

    static let observabilityFlags: [Flag] = [
        Flag("log-level", levels, default: .text("info"), section: .observability, "Least level that is logged."),
        Flag(
            "log-level-http", levels, section: .observability,
            "Level of the access log: lines appear at info. Default: the log level."),
        Flag("log-requests", .boolean, default: .boolean(false), section: .observability, "Log each request."),
        Flag(
            "log-requests-level", .integer(0...3), default: .integer(2), section: .observability,
            "0: metadata, 1: and sampling parameters, 2: and the first 2048 characters of texts, 3: everything."),
        Flag(
            "log-requests-format", .choice(["text", "json"]), default: .text("text"), section: .observability,
            "Format of request lines."),
        Flag(
            "log-requests-target", .list, .refused("request lines go to the log on stderr"), section: .observability,
            "Where request lines go."),
        Flag(
            "enable-metrics", .boolean, default: .boolean(false), metricsAreMissing, section: .observability,
            "Prometheus metrics at /metrics."),
        Flag(
            "decode-log-interval", .integer(1...Int.max), default: .integer(40), section: .observability, unit: "steps",
            "Decode steps between two log lines."),
        Flag(
            "watchdog-timeout", .number(1...Double.greatestFiniteMagnitude), default: .number(300),
            section: .observability, unit: "seconds", "A scheduler that stands still for longer is ended."),
        Flag(
            "soft-watchdog-timeout", .number(1...Double.greatestFiniteMagnitude), section: .observability,
            unit: "seconds", "A scheduler that stands still for longer is logged. Default: never."),
        Flag("bucket-time-to-first-token", .list, metricsAreMissing, section: .observability, "Histogram edges."),
        Flag("bucket-inter-token-latency", .list, metricsAreMissing, section: .observability, "Histogram edges."),
        Flag("prompt-tokens-buckets", .list, metricsAreMissing, section: .observability, "Histogram edges."),
        Flag("generation-tokens-buckets", .list, metricsAreMissing, section: .observability, "Histogram edges."),
        Flag("extra-metric-labels", .jsonObject, metricsAreMissing, section: .observability, "Labels of all metrics."),
        Flag(
            "tokenizer-metrics-custom-labels-header", .text, default: .text("x-custom-labels"), metricsAreMissing,
            section: .observability, "Header with labels."),
        Flag(
            "tokenizer-metrics-allowed-custom-labels", .list, metricsAreMissing, section: .observability,
            "Labels that the header may set."),
        Flag(
            "enable-request-time-stats-logging", .boolean, default: .boolean(false), tracesAreMissing,
            section: .observability, "Log the times of each request."),
        Flag(
            "export-metrics-to-file", .boolean, default: .boolean(false), tracesAreMissing, section: .observability,
            "Write request metrics to files."),
        Flag("export-metrics-to-file-dir", .text, tracesAreMissing, section: .observability, "Folder of those files."),
        Flag("enable-trace", .boolean, default: .boolean(false), tracesAreMissing, section: .observability, "Tracing."),
        Flag("otlp-traces-endpoint", .text, tracesAreMissing, section: .observability, "Receiver of traces."),
        Flag("kv-events-config", .jsonObject, tracesAreMissing, section: .observability, "Cache events."),
        Flag(
            "crash-dump-folder", .text, .refused("crashes are reported on stderr; enable core dumps for more"),
            section: .observability, "Folder for dumps."),
        Flag(
            "uvicorn-access-log-exclude-prefixes", .list, .refused("silence the access log with --log-level-http"),
            section: .observability, "Paths that are not logged."),
    ]
}
