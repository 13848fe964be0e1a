import ApusCore
import ApusJSON
import ApusObserve
import ApusTestSupport
import ApusWire
import HTTPTypes
import HummingbirdTesting
import Logging
import Synchronization
import Testing

@testable import ApusFront

@Suite struct ObserveTests {
    private func page(_ server: TestServer) async throws -> ExpositionFormat {
        let answer = try await server.get("/metrics")
        #expect(answer.status == 200)
        #expect(answer.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
        return try ExpositionFormat(parsing: answer.text)
    }

    private func on(_ configuration: inout FrontConfiguration) {
        configuration.enableMetrics = true
        _ = configuration.metrics.add(label: "site", "lab")
    }

    @Test func countersAddUpToWhatClientsSaw() async throws {
        try await withFront(.live, configure: on) { server in
            var (prompts, generated, cached) = (0, 0, 0)
            func count(_ meta: JSONValue?) {
                prompts += meta?["prompt_tokens"]?.intValue ?? 0
                generated += meta?["completion_tokens"]?.intValue ?? 0
                cached += meta?["cached_tokens"]?.intValue ?? 0
            }
            for length in [1, 3, 7] {
                let answer = try await server.generate([
                    "text": "hello", "sampling_params": ["max_new_tokens": JSONValue(length)],
                ])
                count(answer.json?["meta_info"])
            }
            let many = try await server.generate([
                "text": ["aa", "bc"], "sampling_params": ["max_new_tokens": 2, "n": 2],
            ])
            for answer in many.json?.arrayValue ?? [] { count(answer["meta_info"]) }
            let stream = try await server.generate([
                "text": "stream", "stream": true, "sampling_params": ["max_new_tokens": 5],
            ])
            count(stream.events.last?["meta_info"])
            #expect(try await server.generate(["text": "", "sampling_params": [:]]).status == 400)
            _ = try await server.get("/health")

            let page = try await page(server)
            // 3 alone, 2 prompts with 2 samples each, 1 stream; what was refused was never a request.
            #expect(page.sum("sglang:num_requests_total") == 8)
            #expect(page.value("sglang:num_requests_total", ["is_streaming": "true", "model_name": "tiny"]) == 1)
            #expect(page.sum("sglang:prompt_tokens_total") == Double(prompts))
            #expect(page.sum("sglang:generation_tokens_total") == Double(generated))
            #expect(page.sum("sglang:cached_tokens_total") == Double(cached))
            #expect(page.sum("sglang:num_aborted_requests_total") == 0)
            for name in ["e2e_request_latency_seconds", "time_to_first_token_seconds"] {
                #expect(page.sum("sglang:\(name)_count") == 8)
            }
            #expect(page.value("sglang:prompt_tokens_histogram_sum") == Double(prompts))
            #expect(page.value("sglang:generation_tokens_histogram_sum") == Double(generated))
            #expect(page.value("sglang:uncached_prompt_tokens_histogram_sum") == Double(prompts - cached))
            // One less than tokens for each request.
            #expect(page.value("sglang:inter_token_latency_seconds_count") == Double(generated - 8))
            #expect(page.value("sglang:queue_time_seconds_sum") == 8 * 0.5)
            #expect(
                page.value("sglang:http_responses_total", ["endpoint": "/generate", "status_code": "400"]) == 1)
            #expect(page.value("sglang:http_requests_total", ["endpoint": "/generate", "method": "POST"]) == 6)
            #expect(page.value("sglang:http_requests_active") == 1)
            #expect(page.samples.allSatisfy { $0.labels["site"] == "lab" })
        }
    }

    @Test func everyEndingIsCountedOnce() async throws {
        try await withFront(.live, script: FakeRing.silence, configure: on) { server in
            let ring = server.ring
            async let aborted = server.generate(["text": "aaa", "rid": "x", "sampling_params": ["max_new_tokens": 4]])
            #expect(await ring.waits { $0.requests.count == 1 })
            let request = ring.requests[0]
            ring.say(.detokenizer(.deltas([FakeRing.delta(request, 0..<2)])))
            // The same again, as after a restart of the detokenizer, and its end.
            ring.say(
                .detokenizer(
                    .deltas([FakeRing.delta(request, 0..<2), FakeRing.delta(request, 2..<3, finish: .aborted)])))
            #expect(try await aborted.status == 200)
            async let refused = server.generate(["text": "bbb"])
            #expect(await ring.waits { $0.requests.count == 2 })
            ring.say(
                .scheduler(.ended([EndedRequest(rid: ring.requests[1].rid, finish: .refused("no", status: 503))])))
            #expect(try await refused.status == 503)
            async let lost = server.generate(["text": "ccc"])
            #expect(await ring.waits { $0.requests.count == 3 })
            server.front.service.board.failEverything(.unavailable("gone"))
            #expect(try await lost.status == 503)

            let page = try await page(server)
            #expect(page.sum("sglang:num_requests_total") == 3)
            #expect(page.sum("sglang:num_aborted_requests_total") == 3)
            #expect(page.sum("sglang:generation_tokens_total") == 3)
            #expect(page.sum("sglang:e2e_request_latency_seconds_count") == 3)
        }
    }

    /// Every family of SGLang's that is served, with the labels of its samples beside those of the process and `le`.
    private static let families: [(kind: String, labels: String, names: String)] = [
        (
            "gauge", "",
            """
            num_running_reqs num_queue_reqs num_grammar_queue_reqs num_used_tokens token_usage full_token_usage \
            kv_available_tokens kv_evictable_tokens kv_used_tokens max_total_num_tokens gen_throughput cache_hit_rate \
            new_token_ratio num_retracted_reqs num_paused_reqs utilization decode_sum_seq_lens context_len page_size \
            weight_memory_usage_gb kv_cache_memory_usage_gb startup_time_seconds
            """
        ),
        ("gauge", "source", "weight_load_duration_seconds"),
        (
            "counter", "",
            """
            num_retracted_requests_total num_retracted_input_tokens_total num_retracted_output_tokens_total \
            evicted_tokens_total num_grammar_total num_grammar_cache_hit_total num_grammar_aborted_total \
            num_grammar_timeout_total
            """
        ),
        ("counter", "mode", "realtime_tokens_total"),
        ("histogram", "", "queue_time_seconds grammar_compilation_time_seconds eviction_duration_seconds"),
        ("histogram", "stage", "per_stage_req_latency_seconds"),
    ]
    private static let frontFamilies: [(kind: String, labels: String, names: String)] = [
        ("counter", "is_streaming", "prompt_tokens_total generation_tokens_total num_requests_total"),
        ("counter", "cache_source", "cached_tokens_total"),
        ("counter", "", "num_so_requests_total num_aborted_requests_total"),
        (
            "histogram", "is_streaming",
            "time_to_first_token_seconds e2e_request_latency_seconds request_time_per_output_token_seconds"
        ),
        (
            "histogram", "",
            """
            inter_token_latency_seconds prompt_tokens_histogram uncached_prompt_tokens_histogram \
            generation_tokens_histogram
            """
        ),
    ]
    private static let processFamilies: [(kind: String, labels: String, names: String)] = [
        ("counter", "endpoint method", "http_requests_total"),
        ("counter", "endpoint method status_code", "http_responses_total"),
        ("gauge", "", "http_requests_active"), ("counter", "component", "process_cpu_seconds_total"),
    ]

    @Test func thePageHasTheReferencesNamesAndLabels() async throws {
        try await withFront(.live, configure: { $0.enableMetrics = true }) { server in
            var figures = SchedulerFigures()
            for path in [
                \.retractions, \.retractedInputTokens, \.retractedOutputTokens, \.evictedTokens, \.prefilledTokens,
                \.cachedTokens, \.decodedTokens, \.grammarTotal, \.grammarCacheHits, \.grammarsAborted,
                \.grammarTimeouts,
            ] as [WritableKeyPath<SchedulerFigures, Int>] { figures[keyPath: path] = 1 }
            figures.evictionSeconds.observe(1)
            figures.grammarSeconds.observe(1)
            server.ring.setFigures(figures)
            for isStream in [false, true] {
                let sampling: JSONValue = ["max_new_tokens": 3, "regex": "a*"]
                let body: JSONValue = ["text": "abc", "stream": .bool(isStream), "sampling_params": sampling]
                #expect(try await server.generate(body).status == 200)
            }
            server.ring.setScript { request, ring in
                ring.say(.detokenizer(.deltas([FakeRing.delta(request, 0..<2, finish: .aborted)])))
            }
            _ = try await server.generate(["text": "abc"])

            let page = try await page(server)
            let front: Set = ["model_name", "engine_type"]
            let scheduler = front.union(["tp_rank", "pp_rank", "moe_ep_rank", "dp_rank", "priority"])
            var known: Set<String> = []
            for (families, common) in [
                (Self.families, scheduler), (Self.frontFamilies, front), (Self.processFamilies, Set<String>()),
            ] {
                for (kind, labels, names) in families {
                    let labels = common.union(labels.split(separator: " ").map(String.init))
                    for name in names.split(separator: " ").map({ "sglang:\($0)" }) {
                        known.insert(name)
                        #expect(page.kinds[name] == kind, "\(name)")
                        let samples = page.all(kind == "histogram" ? "\(name)_count" : name)
                        #expect(!samples.isEmpty && samples.allSatisfy { Set($0.labels.keys) == labels }, "\(name)")
                    }
                }
            }
            #expect(Set(page.kinds.keys.filter { $0.hasPrefix("sglang:") }) == known)
            for sample in page.samples where sample.labels["tp_rank"] != nil {
                #expect(sample.labels["dp_rank"] == "0" && sample.labels["priority"] == "")
            }
            // The launch's weights, then those of an update.
            #expect(page.value("sglang:weight_load_duration_seconds", ["source": "disk"]) == 0.5)
            figures.weightLoadSeconds = 7
            server.ring.setFigures(figures)
            #expect(try await self.page(server).value("sglang:weight_load_duration_seconds") == 7)
        }
    }

    @Test func withoutTheFlagThereIsNoPage() async throws {
        try await withFront { server in
            let answer = try await server.get("/metrics")
            #expect(answer.status == 404 && answer.json == ["detail": "Not Found"])
            #expect(try await server.get("/get_load").status == 404)
        }
    }

    @Test func loads() async throws {
        try await withFront { server in
            let loads = try await server.get("/v1/loads").json
            let record = loads?["loads"]?[0]
            #expect(record?["max_total_num_tokens"] == 1024)
            #expect(record?["num_used_tokens"] == 24)
            #expect(record?["decode_moments"]?.arrayValue?.count == 6)
            #expect(record?["queues"]?["waiting"] == 0 && record?["memory"] != nil && record?["disaggregation"] != nil)
            let core = try await server.get("/v1/loads?include=core&include=queues&dp_rank=0").json?["loads"]?[0]
            #expect(core?["queues"] != nil && core?["memory"] == nil && core?["disaggregation"] == nil)
            for query in ["include=nonsense", "dp_rank=1", "format=prometheus"] {
                #expect(try await server.get("/v1/loads?\(query)").status == 400)
            }
        }
        try await withFront(isReady: false) { server in
            let answer = try await server.get("/v1/loads")
            #expect(answer.status == 503)
        }
    }

    @Test func logsAreConfiguredWhileServing() async throws {
        let lines = Lines()
        try await withFront(configure: {
            $0.requestLog = RequestLog(level: .excerpts, format: .text, isOn: false) { lines.append($0) }
        }) { server in
            let body: JSONValue = ["text": "abc", "sampling_params": ["max_new_tokens": 1]]
            _ = try await server.generate(body)
            #expect(lines.all.isEmpty)
            let on = try await server.post(
                "/configure_logging", ["log_requests": true, "log_requests_level": 0, "log_requests_format": "json"])
            #expect(on.status == 200 && on.text.isEmpty)
            _ = try await server.generate(body)
            #expect(lines.all.count == 2)
            #expect(try JSONValue(parsing: lines.all[0])["obj"]?["text"] == nil)
            #expect(try await server.post("/configure_logging", ["log_requests": false]).status == 200)
            _ = try await server.generate(body)
            #expect(lines.all.count == 2)
            #expect(
                server.ring.controls == [
                    .configureLogging(LogSettings(logsRequests: true)),
                    .configureLogging(LogSettings(logsRequests: false)),
                ])
            for wrong: JSONValue in [
                ["log_requests": 1], ["log_requests_level": 4], ["log_requests_format": "xml"], ["log_level": "loud"],
                ["dump_requests_folder": "/tmp"],
            ] {
                #expect(try await server.post("/configure_logging", wrong).status == 400)
            }
        }
        ProcessLog.configure(logsRequests: false)
    }

    // MARK: - Ids and traces

    @Test func idsOfRequestAndTraceGoInAndOut() async throws {
        let lines = Lines()
        try await withFront(configure: {
            $0.requestLog = RequestLog(level: .metadata, format: .json) { lines.append($0) }
        }) { server in
            let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            let body: JSONValue = ["text": "abc", "sampling_params": ["max_new_tokens": 1]]
            let answer = try await server.post(
                "/generate", body,
                headers: [HTTPCall.requestIDHeader: "req-7", HTTPCall.traceHeader: parent])
            #expect(answer.headers[HTTPCall.requestIDHeader] == "req-7")
            #expect(answer.headers[HTTPCall.traceHeader] == parent)
            let origin = try #require(server.ring.requests.first).origin
            #expect(origin.requestID == "req-7" && origin.trace?.header == parent)
            for line in lines.all {
                #expect(try JSONValue(parsing: line)["request_id"] == "req-7")
                #expect(try JSONValue(parsing: line)["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736")
            }
            // Errors have it too; what cannot stand in a log is replaced.
            let error = try await server.get("/nowhere", headers: [HTTPCall.requestIDHeader: "e"])
            #expect(error.headers[HTTPCall.requestIDHeader] == "e")
            for odd in ["a b", String(repeating: "x", count: 257)] {
                let id = try await server.get("/", headers: [HTTPCall.requestIDHeader: odd]).headers
                #expect(id[HTTPCall.requestIDHeader]?.count == 32)
            }
        }
    }

    @Test func spansOfARequestAreItsParts() async throws {
        let spans = Spans()
        try await withFront(.live, configure: { $0.traces = spans.exporter }) { server in
            let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            let body: JSONValue = ["text": "abc", "stream": true, "sampling_params": ["max_new_tokens": 2]]
            let answer = try await server.post("/generate", body, headers: [HTTPCall.traceHeader: parent])
            #expect(answer.headers[HTTPCall.traceHeader] != parent)
            #expect(await server.ring.waits { _ in spans.all.count >= 5 })
            let root = try #require(spans.all.first { $0["kind"] == 2 })
            #expect(root["name"] == "POST /generate" && root["parentSpanId"] == "00f067aa0ba902b7")
            let children = spans.all.filter { $0["kind"] == 1 }
            #expect(
                children.compactMap { $0["name"]?.stringValue } == ["tokenize", "queue", "prefill", "decode"])
            for span in spans.all { #expect(span["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736") }
            for span in children { #expect(span["parentSpanId"] == root["spanId"]) }
            #expect(server.ring.requests[0].origin.trace?.spanID != 0x00f0_67aa_0ba9_02b7)

            // A caller that does not record its trace has no spans; one without a trace gets one.
            let count = spans.all.count
            _ = try await server.post("/generate", body, headers: [HTTPCall.traceHeader: parent.dropLast() + "0"])
            _ = try await server.get("/")
            #expect(await server.ring.waits { _ in spans.all.count > count })
            #expect(spans.all.dropFirst(count).map { $0["name"] } == ["GET /"])
        }
    }

    @Test func bucketsAreReadAsTheReferenceReadsThem() {
        #expect(MetricsOptions.bounds(["0.1", "2"]) == [0.1, 2])
        for wrong in [[], ["2", "1"], ["1", "1"], ["x"], ["inf"]] { #expect(MetricsOptions.bounds(wrong) == nil) }
        #expect(MetricsOptions.bounds(byRule: ["custom", "5", "1"]) == [1, 5])
        #expect(MetricsOptions.bounds(byRule: ["tse", "1000", "2", "4"]) == [996, 998, 1000, 1002, 1004])
        #expect(MetricsOptions.bounds(byRule: ["default"])?.last == 1_100_000)
        for wrong in [[], ["tse", "1"], ["custom"], ["default", "1"], ["other"]] {
            #expect(MetricsOptions.bounds(byRule: wrong) == nil)
        }
        var options = MetricsOptions()
        let isAdded = options.add(label: "zone_1", "any \"thing\"")
        #expect(isAdded)
        for wrong in ["", "1a", "a-b", "le", "model_name", "__x"] {
            let isAdded = options.add(label: wrong, "v")
            #expect(!isAdded)
        }
    }
}

private final class Lines: Sendable {
    private let state = Mutex<[String]>([])
    var all: [String] { state.withLock { $0 } }
    func append(_ line: String) { state.withLock { $0.append(line) } }
}

/// Spans as a receiver gets them.
private final class Spans: Sendable {
    private let received = SpanList()
    let exporter: TraceExporter

    init() {
        let received = received
        exporter = TraceExporter(
            resource: JSONObject(), version: "1", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { body in
            received.append(body)
            return .success(200)
        }
    }

    var all: [JSONValue] { received.all }
}

private final class SpanList: Sendable {
    private let state = Mutex<[JSONValue]>([])
    var all: [JSONValue] { state.withLock { $0 } }

    func append(_ body: [UInt8]) {
        let spans =
            (try? JSONValue(parsing: body))?["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?.arrayValue ?? []
        state.withLock { $0 += spans }
    }
}
