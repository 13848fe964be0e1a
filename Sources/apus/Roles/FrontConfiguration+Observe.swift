import ApusConfiguration
import ApusFront
import ApusJSON
import ApusObserve
import Logging

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension FrontConfiguration {
    /// What the flags say about logs, metrics and traces; throws for values that cannot be.
    mutating func observe(_ given: ServeConfiguration, version: String, logger: Logger) throws {
        enableMetrics = given.servesMetrics
        metrics = try Self.metrics(given)
        slowRequestSeconds = given.slowRequestThreshold
        logsRequestTimes = given.logsRequestTimes
        requestLog = Self.requestLog(given)
        guard given.traces else { return }
        guard let endpoint = TraceEndpoint(given.traceEndpoint) else {
            throw Self.wrong(
                "otlp-traces-endpoint", "'\(given.traceEndpoint)' is no host:port and no http:// address")
        }
        let resource: JSONObject = ["service.name": "apus", "service.version": .string(version)]
        traces = TraceExporter(to: endpoint, resource: resource, version: version, logger: logger)
    }

    // MARK: - Metrics

    private static func metrics(_ given: ServeConfiguration) throws -> MetricsOptions {
        var options = MetricsOptions()
        for member in given.metricLabels {
            guard let value = member.value.stringValue, options.add(label: member.key, value) else {
                throw wrong("extra-metric-labels", "'\(member.key)' with \(member.value) cannot be a label")
            }
        }
        func edges(
            _ name: String, _ words: [String]?, _ read: ([String]) -> [Double]?,
            _ path: WritableKeyPath<MetricsOptions, [Double]>
        ) throws {
            guard let words else { return }
            guard let bounds = read(words) else { throw wrong(name, "'\(words.joined(separator: " "))' are no edges") }
            options[keyPath: path] = bounds
        }
        try edges(
            "bucket-time-to-first-token", given.firstTokenBuckets, MetricsOptions.bounds(_:), \.firstTokenBounds)
        try edges(
            "bucket-inter-token-latency", given.interTokenBuckets, MetricsOptions.bounds(_:), \.interTokenBounds)
        try edges(
            "bucket-e2e-request-latency", given.endToEndBuckets, MetricsOptions.bounds(_:), \.endToEndBounds)
        try edges("prompt-tokens-buckets", given.promptBuckets, MetricsOptions.bounds(byRule:), \.promptBounds)
        try edges(
            "generation-tokens-buckets", given.generationBuckets, MetricsOptions.bounds(byRule:), \.generationBounds)
        return options
    }

    private static func wrong(_ name: String, _ reason: String) -> Failure {
        Failure("argument --\(name): \(reason)", code: Failure.usage)
    }

    // MARK: - Logs

    /// Access log lines appear at info and below.
    static func accessLog(_ given: ServeConfiguration) -> (@Sendable (AccessEntry) -> Void)? {
        guard let level = Logger.Level(rawValue: given.httpLogLevel), level <= .info else { return nil }
        let silent = given.silentPaths
        return { entry in
            guard !silent.contains(where: { entry.path.hasPrefix($0) }) else { return }
            switch ProcessLog.format {
            case .text: StandardErrorLog.write("\(entry.text)\n")
            case .json: StandardErrorLog.write("\(entry.json)\n")
            }
        }
    }

    private static func requestLog(_ given: ServeConfiguration) -> RequestLog {
        guard let level = RequestLog.Level(rawValue: given.requestLogLevel),
            let format = RequestLog.Format(rawValue: given.requestLogFormat)
        else { preconditionFailure("the table of flags knows a level or format that the log does not") }
        let targets = given.requestLogTargets ?? ["stderr"]
        let files = targets.filter { !standard.contains($0) }.map { HourlyFile(folder: $0, prefix: "requests") }
        return RequestLog(level: level, format: format, isOn: given.logsRequests) { line in
            if targets.contains("stderr") { StandardErrorLog.write("\(line)\n") }
            if targets.contains("stdout") {
                // One call a line, so that lines do not mix.
                let bytes = Array("\(line)\n".utf8)
                _ = write(STDOUT_FILENO, bytes, bytes.count)
            }
            for file in files { file.write(line) }
        }
    }

    /// Targets that are no folders.
    private static let standard: Set<String> = ["stderr", "stdout"]
}
