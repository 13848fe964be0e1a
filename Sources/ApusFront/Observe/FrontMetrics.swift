import ApusCore
import ApusObserve
import ApusWire
import Synchronization

/// What the front counts: requests by their one ending, tokens as they arrive, and HTTP.
final class FrontMetrics: Sendable {
    /// Of streams, and of requests whose answer comes at once.
    private struct Requests {
        var count = 0
        var promptTokens = 0
        var generatedTokens = 0
        var firstToken: Histogram
        var endToEnd: Histogram
        var perToken: Histogram

        init(_ options: MetricsOptions) {
            firstToken = Histogram(options.firstTokenBounds)
            endToEnd = Histogram(options.endToEndBounds)
            perToken = Histogram(options.interTokenBounds)
        }

        /// `tokens` came within `seconds` of the first.
        mutating func noteMean(_ tokens: Int, _ seconds: Double) {
            if tokens > 1 { perToken.observe(max(0, seconds) / Double(tokens - 1)) }
        }
    }

    private struct HTTPKey: Hashable {
        let endpoint: String
        let method: String
        /// 0: of the requests, not of their answers.
        let status: Int

        static func < (left: HTTPKey, right: HTTPKey) -> Bool {
            (left.endpoint, left.method, left.status) < (right.endpoint, right.method, right.status)
        }
    }

    private struct Figures {
        var streams: Requests
        var wholes: Requests
        var cachedTokens = 0
        var aborted = 0
        var structured = 0
        var interToken: Histogram
        var prompts: Histogram
        var uncachedPrompts: Histogram
        var generations: Histogram
        var queueTime = Histogram(MetricsOptions.stages)
        var stages: [String: Histogram] = [:]
        var http: [HTTPKey: Int] = [:]
        var active = 0
    }

    private let figures: Mutex<Figures>

    init(_ options: MetricsOptions) {
        figures = Mutex(
            Figures(
                streams: Requests(options), wholes: Requests(options),
                interToken: Histogram(options.interTokenBounds), prompts: Histogram(options.promptBounds),
                uncachedPrompts: Histogram(options.promptBounds), generations: Histogram(options.generationBounds)))
    }

    // MARK: - Events

    /// Tokens of streams came.
    func arrived(_ arrivals: [RequestTrack.Arrival]) {
        figures.withLock { figures in
            for arrival in arrivals {
                if arrival.isFirst {
                    figures.streams.firstToken.observe(arrival.seconds)
                } else {
                    figures.interToken.observe(arrival.seconds / Double(arrival.count), times: arrival.count)
                }
            }
        }
    }

    /// A sample has its ending; `now` in Unix seconds.
    func ended(_ track: RequestTrack, isAborted: Bool, now: Double) {
        figures.withLock { figures in
            if track.isStream {
                Self.count(track, now, in: &figures.streams)
                figures.streams.noteMean(track.tokenCount, track.lastTokenAt - track.firstTokenAt)
            } else {
                Self.count(track, now, in: &figures.wholes)
                Self.countWhole(track, in: &figures)
            }
            if isAborted { figures.aborted += 1 }
            if track.isStructured { figures.structured += 1 }
            guard let usage = track.usage else { return }
            figures.cachedTokens += usage.cachedTokens
            figures.prompts.observe(Double(usage.promptTokens))
            figures.uncachedPrompts.observe(Double(max(0, usage.promptTokens - usage.cachedTokens)))
            figures.generations.observe(Double(usage.completionTokens))
            for (name, start, end) in track.stages {
                figures.stages[name, default: Histogram(MetricsOptions.stages)].observe(max(0, end - start))
                if name == "queue" { figures.queueTime.observe(max(0, end - start)) }
            }
        }
    }

    private static func count(_ track: RequestTrack, _ now: Double, in requests: inout Requests) {
        requests.count += 1
        requests.promptTokens += track.usage?.promptTokens ?? 0
        requests.generatedTokens += track.usage?.completionTokens ?? 0
        requests.endToEnd.observe(max(0, now - track.call.receivedAt))
    }

    /// An answer that comes at once tells nothing of its tokens' times: the scheduler does.
    private static func countWhole(_ track: RequestTrack, in figures: inout Figures) {
        let timing = track.timing
        guard let count = track.usage?.completionTokens, count > 0, timing.prefillFinished > 0 else { return }
        figures.wholes.firstToken.observe(max(0, timing.prefillFinished - track.call.receivedAt))
        let seconds = timing.finished - timing.prefillFinished
        figures.wholes.noteMean(count, seconds)
        if count > 1 { figures.interToken.observe(max(0, seconds) / Double(count - 1), times: count - 1) }
    }

    func began(endpoint: String, method: String) {
        figures.withLock { figures in
            figures.active += 1
            figures.http[HTTPKey(endpoint: endpoint, method: method, status: 0), default: 0] += 1
        }
    }

    func finished(endpoint: String, method: String, status: Int?) {
        figures.withLock { figures in
            figures.active -= 1
            guard let status else { return }
            figures.http[HTTPKey(endpoint: endpoint, method: method, status: status), default: 0] += 1
        }
    }

    // MARK: - Page

    func write(to page: inout MetricsPage, _ common: MetricsPage.Labels) {
        let figures = figures.withLock { $0 }
        writeRequests(figures, to: &page, common)
        writeTimes(figures, to: &page, common)
        let keys = figures.http.keys.sorted(by: <)
        func samples(_ keys: [HTTPKey], _ labels: (HTTPKey) -> MetricsPage.Labels) -> [MetricsPage.Sample] {
            keys.map { MetricsPage.Sample(figures.http[$0]!, labels($0)) }
        }
        page.counter(
            "sglang:http_requests_total", "HTTP requests received.",
            samples(keys.filter { $0.status == 0 }) { [("endpoint", $0.endpoint), ("method", $0.method)] })
        page.counter(
            "sglang:http_responses_total", "HTTP requests answered to the end.",
            samples(keys.filter { $0.status != 0 }) {
                [("endpoint", $0.endpoint), ("method", $0.method), ("status_code", String($0.status))]
            })
        page.gauge("sglang:http_requests_active", "HTTP requests being answered.", figures.active)
    }

    private func writeRequests(_ figures: Figures, to page: inout MetricsPage, _ common: MetricsPage.Labels) {
        func byStream(_ path: KeyPath<Requests, Int>) -> [MetricsPage.Sample] {
            [(figures.wholes, "false"), (figures.streams, "true")].filter { $0.0.count > 0 }.map { requests, label in
                MetricsPage.Sample(requests[keyPath: path], common + [("is_streaming", label)])
            }
        }
        page.counter("sglang:prompt_tokens_total", "Prompt tokens of requests that ended.", byStream(\.promptTokens))
        page.counter(
            "sglang:generation_tokens_total", "Generated tokens of requests that ended.", byStream(\.generatedTokens))
        page.counter("sglang:num_requests_total", "Requests that ended, aborted ones included.", byStream(\.count))
        func one(_ name: String, _ help: String, _ value: Int, _ labels: MetricsPage.Labels = []) {
            page.counter(name, help, value == 0 ? [] : [MetricsPage.Sample(value, common + labels)])
        }
        one(
            "sglang:cached_tokens_total", "Prompt tokens that the prefix cache had.", figures.cachedTokens,
            [("cache_source", "device")])
        one("sglang:num_so_requests_total", "Requests whose output obeyed a grammar.", figures.structured)
        one("sglang:num_aborted_requests_total", "Requests that ended before their time.", figures.aborted)
    }

    private func writeTimes(_ figures: Figures, to page: inout MetricsPage, _ common: MetricsPage.Labels) {
        func byStream(_ path: KeyPath<Requests, Histogram>) -> [(Histogram, MetricsPage.Labels)] {
            [
                (figures.wholes[keyPath: path], common + [("is_streaming", "false")]),
                (figures.streams[keyPath: path], common + [("is_streaming", "true")]),
            ]
        }
        page.histogram(
            "sglang:time_to_first_token_seconds", "From the request's arrival to its first token.",
            byStream(\.firstToken))
        page.histogram(
            "sglang:e2e_request_latency_seconds", "From the request's arrival to its end.", byStream(\.endToEnd))
        page.histogram(
            "sglang:request_time_per_output_token_seconds", "Mean time between a request's tokens.",
            byStream(\.perToken))
        page.histogram(
            "sglang:inter_token_latency_seconds", "Time between two tokens.", [(figures.interToken, common)])
        page.histogram("sglang:prompt_tokens_histogram", "Tokens of a prompt.", [(figures.prompts, common)])
        page.histogram(
            "sglang:uncached_prompt_tokens_histogram", "Tokens of a prompt that the cache did not have.",
            [(figures.uncachedPrompts, common)])
        page.histogram(
            "sglang:generation_tokens_histogram", "Tokens generated for a request.", [(figures.generations, common)])
        // The reference has these from its scheduler.
        let scheduler = common + SchedulerMetrics.ranks
        page.histogram(
            "sglang:queue_time_seconds", "From the scheduler's queue to the first step.",
            [(figures.queueTime, scheduler)])
        page.histogram(
            "sglang:per_stage_req_latency_seconds", "Parts of a request's time.",
            figures.stages.sorted { $0.key < $1.key }.map { ($0.value, scheduler + [("stage", $0.key)]) })
    }
}
