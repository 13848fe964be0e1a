extension FlagTable {
    private static let levels = FlagKind.choice(["critical", "error", "warning", "info", "debug", "trace"])
    private static let eventsAreMissing = Flag.Support.refused("this version exports no events")
    private static let customLabels = Flag.Support.refused(
        "labels that clients choose make series without bound; use --extra-metric-labels")

    static let observabilityFlags: [Flag] = [
        Flag("log-level", levels, default: .text("info"), section: .observability, "Least level that is logged."),
        Flag(
            "log-level-http", levels, section: .observability,
            "Level of the access log: lines appear at info. Default: the log level."),
        Flag(
            "log-format", .choice(["text", "json"]), default: .text("text"), section: .observability,
            "Lines of the log: text, or a JSON object each."),
        Flag("log-requests", .boolean, default: .boolean(false), section: .observability, "Log each request."),
        Flag(
            "log-requests-level", .integer(0...3), default: .integer(2), section: .observability,
            "0: metadata, 1: and sampling parameters, 2: and the first 2048 characters of texts, 3: everything."),
        Flag(
            "log-requests-format", .choice(["text", "json"]), default: .text("text"), section: .observability,
            "Format of request lines."),
        Flag(
            "log-requests-target", .list, section: .observability,
            "Where request lines go: stdout, stderr, folders (a file an hour). Default: stderr."),
        Flag(
            "slow-request-threshold", .number(0...Double.greatestFiniteMagnitude), section: .observability,
            unit: "seconds", "A request that takes longer gets a line with its times. Default: none does."),
        Flag(
            "enable-metrics", .boolean, default: .boolean(false), section: .observability,
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
        Flag(
            "bucket-time-to-first-token", .list, section: .observability, unit: "seconds",
            "Edges of that histogram, rising."),
        Flag(
            "bucket-inter-token-latency", .list, section: .observability, unit: "seconds",
            "Edges of that histogram, rising."),
        Flag(
            "bucket-e2e-request-latency", .list, section: .observability, unit: "seconds",
            "Edges of that histogram, rising."),
        Flag(
            "prompt-tokens-buckets", .list, section: .observability,
            "Edges of the histogram of prompts: default, custom and numbers, or tse, middle, base and count."),
        Flag(
            "generation-tokens-buckets", .list, section: .observability,
            "Edges of the histogram of outputs, as for prompts."),
        Flag("extra-metric-labels", .jsonObject, section: .observability, "Labels of all metrics."),
        Flag(
            "tokenizer-metrics-custom-labels-header", .text, default: .text("x-custom-labels"), customLabels,
            section: .observability, "Header with labels."),
        Flag(
            "tokenizer-metrics-allowed-custom-labels", .list, customLabels, section: .observability,
            "Labels that the header may set."),
        Flag(
            "enable-request-time-stats-logging", .boolean, default: .boolean(false), section: .observability,
            "Log the times of each request."),
        Flag(
            "export-metrics-to-file", .boolean, default: .boolean(false), eventsAreMissing, section: .observability,
            "Write request metrics to files."),
        Flag("export-metrics-to-file-dir", .text, eventsAreMissing, section: .observability, "Folder of those files."),
        Flag(
            "enable-trace", .boolean, default: .boolean(false), section: .observability,
            "Export spans of requests by OTLP over HTTP, in JSON."),
        Flag(
            "otlp-traces-endpoint", .text, default: .text("localhost:4318"), section: .observability,
            "Receiver of spans: host:port or http://host:port/path."),
        Flag("kv-events-config", .jsonObject, eventsAreMissing, section: .observability, "Cache events."),
        Flag(
            "crash-dump-folder", .text, .refused("crashes are reported on stderr; enable core dumps for more"),
            section: .observability, "Folder for dumps."),
        Flag(
            "uvicorn-access-log-exclude-prefixes", .list, section: .observability,
            "Beginnings of paths that the access log leaves out."),
    ]
}
