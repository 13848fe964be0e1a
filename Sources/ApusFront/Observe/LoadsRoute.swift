import ApusCore
import ApusJSON
import ApusObserve
import ApusWire
import Hummingbird

/// `GET /v1/loads`: how busy the server is, for those who spread requests over several.
struct LoadsRoute: Sendable {
    let service: FrontService

    /// Seconds for the scheduler's report; that of its last heartbeat stands in for it.
    private static let patience = 1.0
    private static let sections: Set<String> = ["all", "core", "memory", "spec", "lora", "disagg", "queues"]

    func add(to table: inout RouteTable) {
        table.add(
            "/v1/loads", methods: [.get],
            about: RouteDocument(
                "How busy the server is",
                query: [
                    .init(name: "include", shape: .string), .init(name: "dp_rank", shape: .integer),
                    .init(name: "format", shape: .string),
                ])
        ) { request throws(FrontError) in try await respond(request) }
    }

    private func respond(_ request: FrontRequest) async throws(FrontError) -> Response {
        let query = request.http.uri.queryParameters
        let wanted = query.getAll("include").flatMap { $0.split(separator: ",").map(String.init) }
        if let unknown = wanted.first(where: { !Self.sections.contains($0) }) {
            throw .schema("include: unknown section '\(unknown)'")
        }
        if let rank = query["dp_rank"], rank != "0" {
            throw .schema("dp_rank: there is one replica, number 0, got \(rank)")
        }
        if let format = query["format"], format != "json" {
            throw .schema("format: only json is served here, got \(format); /metrics speaks Prometheus' format")
        }
        let ready = try service.scheduler()
        let report = await service.monitor.report(within: Self.patience) { call in
            service.ring.post(.state(call: call))
        }
        guard let load = report?.load ?? service.monitor.ring.load else {
            throw .unavailable("The scheduler did not answer; try again later.")
        }
        let now = Clocks.unix()
        return .json([
            "timestamp": .string(LogLine.utcTime(now).dropLast() + "+00:00"),
            "version": .string(service.configuration.version), "accelerator": nil, "num_accelerators": 1,
            "loads": [.object(record(ready, load, Set(wanted), now: now))],
        ])
    }

    private func record(
        _ ready: SchedulerReady, _ load: SchedulerLoad, _ wanted: Set<String>, now: Double
    ) -> JSONObject {
        func has(_ section: String) -> Bool { wanted.isEmpty || wanted.contains("all") || wanted.contains(section) }
        let metrics = SchedulerMetrics(ready: ready, load: load, settings: service.configuration, labels: [])
        let figures = load.figures
        let used = max(0, ready.maxTotalTokens - load.freeTokens - figures.evictableTokens)
        var record: JSONObject = [
            "timestamp": .double(now), "dp_rank": 0, "num_running_reqs": JSONValue(load.running),
            "num_waiting_reqs": JSONValue(load.queued), "num_waiting_uncached_tokens": JSONValue(figures.waitingTokens),
            "num_used_tokens": JSONValue(used), "num_total_tokens": JSONValue(used + figures.waitingTokens),
            "num_active_tokens": JSONValue(figures.sequenceTokens), "num_prealloc_ready_tokens": 0,
            "max_total_num_tokens": JSONValue(ready.maxTotalTokens),
            "max_running_requests": JSONValue(ready.maxRunningRequests),
            "token_usage": .double(Self.share(used, ready.maxTotalTokens)),
            "gen_throughput": .double(metrics.throughput), "cache_hit_rate": .double(figures.hitRate),
            "utilization": .double(Self.share(load.running, ready.maxRunningRequests)),
            "total_prefill_uncached_tokens": JSONValue(figures.prefilledTokens),
            "total_prefill_busy_us": JSONValue(Int(figures.prefillSeconds * 1e6)),
            "decode_moments": .array(figures.decodeMoments.map { .double($0) }),
        ]
        if has("memory") { record["memory"] = memory(ready) }
        if has("disagg") { record["disaggregation"] = Self.disaggregation }
        if has("queues") {
            record["queues"] = [
                "waiting": JSONValue(load.queued), "grammar": JSONValue(figures.grammarRequests),
                "paused": JSONValue(figures.pausedRequests),
                "retracted": JSONValue(figures.retractedWaiting), "prealloc_ready": 0,
            ]
        }
        return record
    }

    private func memory(_ ready: SchedulerReady) -> JSONValue {
        let usage = (try? JSONValue(parsing: ready.details))?["memory_usage"]
        return [
            "weight_gb": .double(usage?["weight"]?.doubleValue ?? 0),
            "kv_cache_gb": .double(usage?["kvcache"]?.doubleValue ?? 0), "graph_gb": 0.0,
            "token_capacity": JSONValue(ready.maxTotalTokens),
        ]
    }

    private static func share(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }

    /// Prefill and decoding are not apart here.
    private static let disaggregation: JSONValue = [
        "mode": "null", "prefill_bootstrap_queue_reqs": 0, "prefill_inflight_queue_reqs": 0,
        "decode_prealloc_queue_reqs": 0, "decode_transfer_queue_reqs": 0, "decode_retracted_queue_reqs": 0,
        "kv_transfer_speed_gb_s": 0.0, "kv_transfer_latency_ms": 0.0,
    ]
}
