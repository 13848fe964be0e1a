import ApusJSON

/// The figures of one run, as a table and as JSON.
struct Report {
    var backend: Backend
    var seconds: Double
    var rate: Double
    var concurrency: Int?
    var measurements: [Measurement]
    /// nil: nobody measured the machine.
    var ceiling: Ceiling?

    private var good: [Measurement] { measurements.filter { $0.failure == nil } }
    private var failures: [Measurement] { measurements.filter { $0.failure != nil } }
    private var promptTokens: Int { good.map(\.promptTokens).reduce(0, +) }
    private var cachedTokens: Int { good.map(\.cachedTokens).reduce(0, +) }
    private var outputTokens: Int { good.map(\.outputTokens).reduce(0, +) }

    /// The share of the machine that the run made use of: the shortest possible time over the time taken.
    private var shareOfLimit: Double? {
        ceiling.map { $0.seconds(good, concurrency: max(1, min(concurrency ?? good.count, good.count))) / seconds }
    }

    private var summaries: [(title: String, key: String, summary: Summary)] {
        [
            ("Time to first token", "ttft", Summary(good.map(\.firstToken).filter { $0 > 0 })),
            ("Time per output token", "tpot", Summary(good.compactMap(\.timePerToken))),
            ("Inter-token latency", "itl", Summary(good.flatMap(\.gaps))),
            ("End-to-end latency", "e2e_latency", Summary(good.map(\.latency))),
        ].filter { !$0.summary.isEmpty }
    }

    /// Field names are those of SGLang's `bench_serving` where it has them; times in milliseconds.
    var json: JSONObject {
        var object: JSONObject = [
            "backend": .string(backend.rawValue), "request_rate": rate.isFinite ? .double(rate) : "inf",
            "max_concurrency": concurrency.map { .integer(Int64($0)) } ?? nil, "duration": .double(seconds),
            "completed": .integer(Int64(good.count)), "failed": .integer(Int64(failures.count)),
            "total_input_tokens": .integer(Int64(promptTokens)), "total_output_tokens": .integer(Int64(outputTokens)),
            "total_cached_tokens": .integer(Int64(cachedTokens)),
            "request_throughput": .double(Double(good.count) / seconds),
            "input_throughput": .double(Double(promptTokens) / seconds),
            "output_throughput": .double(Double(outputTokens) / seconds),
        ]
        if let shareOfLimit { object["share_of_limit"] = .double(shareOfLimit) }
        for (_, key, summary) in summaries {
            object["mean_\(key)_ms"] = .double(summary.mean * 1e3)
            object["median_\(key)_ms"] = .double(summary.percentile(0.5) * 1e3)
            object["p90_\(key)_ms"] = .double(summary.percentile(0.9) * 1e3)
            object["p99_\(key)_ms"] = .double(summary.percentile(0.99) * 1e3)
            object["max_\(key)_ms"] = .double(summary.maximum * 1e3)
        }
        return object
    }

    var table: String {
        var lines = [
            "backend \(backend.rawValue), \(good.count) requests completed, \(failures.count) failed, \(fixed(seconds, 2)) s",
            "requests/s \(fixed(Double(good.count) / seconds, 2))   input tokens/s \(fixed(Double(promptTokens) / seconds, 1))"
                + "   output tokens/s \(fixed(Double(outputTokens) / seconds, 1))",
        ]
        if cachedTokens > 0 {
            let share = Double(cachedTokens) / Double(max(1, promptTokens))
            lines.append("of the input tokens \(fixed(share * 100, 1))% were in the server's cache")
        }
        if let shareOfLimit { lines.append("of the machine's limit \(fixed(shareOfLimit * 100, 1))%") }
        if !summaries.isEmpty {
            lines.append(padded("ms", 24) + ["mean", "p50", "p90", "p99", "max"].map { leftPadded($0, 10) }.joined())
        }
        for (title, _, summary) in summaries {
            let values = [
                summary.mean, summary.percentile(0.5), summary.percentile(0.9), summary.percentile(0.99),
                summary.maximum,
            ]
            lines.append(padded(title, 24) + values.map { leftPadded(fixed($0 * 1e3, 2), 10) }.joined())
        }
        let reasons = [String: [Measurement]](grouping: failures) { $0.failure ?? "" }
        for (reason, all) in reasons.sorted(by: { $0.value.count > $1.value.count }).prefix(5) {
            lines.append("failed \(all.count) times: \(reason)")
        }
        return lines.joined(separator: "\n")
    }
}

private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}

private func leftPadded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
}

/// A number with a fixed count of decimals.
private func fixed(_ value: Double, _ decimals: Int) -> String {
    let factor = (0..<decimals).reduce(1.0) { product, _ in product * 10 }
    let scaled = Int64((abs(value) * factor).rounded())
    let (whole, part) = scaled.quotientAndRemainder(dividingBy: Int64(factor))
    let digits = String(part)
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return "\(sign)\(whole)" }
    return "\(sign)\(whole).\(String(repeating: "0", count: decimals - digits.count))\(digits)"
}
