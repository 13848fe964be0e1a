import ApusCore
import ApusJSON
import ApusObserve
import ApusWire

/// The scheduler's part of `/metrics`.
struct SchedulerMetrics {
    let ready: SchedulerReady
    let load: SchedulerLoad
    let settings: FrontConfiguration
    private let labels: MetricsPage.Labels
    private let facts: JSONValue

    init(ready: SchedulerReady, load: SchedulerLoad, settings: FrontConfiguration, labels: MetricsPage.Labels) {
        self.ready = ready
        self.load = load
        self.settings = settings
        self.labels = labels + Self.ranks
        facts = (try? JSONValue(parsing: ready.details)) ?? .null
    }

    /// There is one of everything. Requests have no priorities: figures are sums over all, for which the reference leaves
    /// the label empty.
    static let ranks: MetricsPage.Labels = [
        ("tp_rank", "0"), ("pp_rank", "0"), ("moe_ep_rank", "0"), ("dp_rank", "0"), ("priority", ""),
    ]

    private var figures: SchedulerFigures { load.figures }
    private var availableTokens: Int { load.freeTokens + figures.evictableTokens }
    private var usedTokens: Int { max(0, ready.maxTotalTokens - availableTokens) }
    /// Share of the pool that running requests use.
    private var usage: Double { ready.maxTotalTokens == 0 ? 0 : Double(usedTokens) / Double(ready.maxTotalTokens) }
    /// A scheduler at rest makes nothing, whatever it last made.
    var throughput: Double { load.running == 0 ? 0 : load.generationThroughput }

    func write(to page: inout MetricsPage) {
        writeLoad(to: &page)
        writePool(to: &page)
        writeTotals(to: &page)
        writeGrammars(to: &page)
        writeLoop(to: &page)
    }

    private func writeLoad(to page: inout MetricsPage) {
        page.gauge("sglang:num_running_reqs", "Requests that run.", load.running, labels)
        page.gauge("sglang:num_queue_reqs", "Requests that wait.", load.queued, labels)
        page.gauge(
            "sglang:num_grammar_queue_reqs", "Requests that wait for their grammar.", figures.grammarRequests,
            labels)
        page.gauge("sglang:num_paused_reqs", "Requests held by a pause.", figures.pausedRequests, labels)
        page.gauge("sglang:num_retracted_reqs", "Requests that wait to go on.", figures.retractedWaiting, labels)
        page.gauge("sglang:gen_throughput", "Tokens generated a second.", throughput, labels)
        page.gauge(
            "sglang:cache_hit_rate", "Share of the last prompts that the prefix cache had.", figures.hitRate, labels)
        page.gauge(
            "sglang:new_token_ratio", "Share of its limit that a request is expected to use.", figures.newTokenRatio,
            labels)
        page.gauge(
            "sglang:utilization", "Share of the requests that may run.",
            Double(load.running) / Double(max(1, ready.maxRunningRequests)), labels)
        page.gauge(
            "sglang:decode_sum_seq_lens", "Tokens in the sequences that run.", figures.sequenceTokens, labels)
    }

    private func writePool(to page: inout MetricsPage) {
        page.gauge("sglang:num_used_tokens", "Pool tokens of running requests.", usedTokens, labels)
        page.gauge("sglang:kv_used_tokens", "Pool tokens of running requests.", usedTokens, labels)
        page.gauge("sglang:token_usage", "Share of the pool that running requests use.", usage, labels)
        page.gauge("sglang:full_token_usage", "Share of the pool that running requests use.", usage, labels)
        page.gauge("sglang:kv_available_tokens", "Pool tokens that are free.", load.freeTokens, labels)
        page.gauge(
            "sglang:kv_evictable_tokens", "Pool tokens that are cached and not in use.", figures.evictableTokens,
            labels)
        page.gauge("sglang:max_total_num_tokens", "Tokens of the pool.", ready.maxTotalTokens, labels)
        page.gauge("sglang:context_len", "Longest sequence in tokens.", ready.contextLength, labels)
        page.gauge(
            "sglang:page_size", "Tokens of a page of the pool.",
            settings.serverArguments["page_size"]?.intValue ?? 1, labels)
        page.gauge("sglang:weight_memory_usage_gb", "Memory of the weights.", fact("memory_usage", "weight"), labels)
        page.gauge(
            "sglang:kv_cache_memory_usage_gb", "Memory of the pool.", fact("memory_usage", "kvcache"), labels)
        page.gauge(
            "sglang:startup_time_seconds", "From the scheduler's start to its readiness.",
            fact("startup_time", "scheduler_e2e"), labels)
        page.gauge(
            "sglang:weight_load_duration_seconds", "Reading the weights in service took so long.",
            figures.weightLoadSeconds > 0 ? figures.weightLoadSeconds : fact("startup_time", "load_weight"),
            labels + [("source", "disk")])
    }

    private func writeTotals(to page: inout MetricsPage) {
        func one(_ name: String, _ help: String, _ value: Int) { write(name, help, value, to: &page) }
        page.counter(
            "sglang:realtime_tokens_total", "Tokens as they are computed.",
            [
                ("prefill_compute", figures.prefilledTokens), ("prefill_cache", figures.cachedTokens),
                ("decode", figures.decodedTokens),
            ].filter { $0.1 > 0 }.map { .init($0.1, labels + [("mode", $0.0)]) })
        one("sglang:num_retracted_requests_total", "Times that a request gave its memory up.", figures.retractions)
        one(
            "sglang:num_retracted_input_tokens_total", "Prompt tokens of those requests.",
            figures.retractedInputTokens)
        one(
            "sglang:num_retracted_output_tokens_total", "Output tokens of those requests.",
            figures.retractedOutputTokens)
        one("sglang:evicted_tokens_total", "Cached tokens that had to go.", figures.evictedTokens)
        page.histogram(
            "sglang:eviction_duration_seconds", "Making room took so long.", [(figures.evictionSeconds, labels)])
    }

    private func writeGrammars(to page: inout MetricsPage) {
        func one(_ name: String, _ help: String, _ value: Int) { write(name, help, value, to: &page) }
        one("sglang:num_grammar_total", "Requests with a grammar.", figures.grammarTotal)
        one("sglang:num_grammar_cache_hit_total", "Requests whose grammar was known.", figures.grammarCacheHits)
        one("sglang:num_grammar_aborted_total", "Requests that did not get their grammar.", figures.grammarsAborted)
        one("sglang:num_grammar_timeout_total", "Requests whose grammar took too long.", figures.grammarTimeouts)
        page.histogram(
            "sglang:grammar_compilation_time_seconds", "The compilation of a grammar.",
            [(figures.grammarSeconds, labels)])
    }

    /// A counter that appears with its first event.
    private func write(_ name: String, _ help: String, _ value: Int, to page: inout MetricsPage) {
        page.counter(name, help, value == 0 ? [] : [.init(value, labels)])
    }

    private func writeLoop(to page: inout MetricsPage) {
        page.counter("apus_steps_total", "Steps of the scheduler.", [.init(figures.steps, labels)])
        page.counter(
            "apus_step_seconds_total", "Where the scheduler's time goes.",
            StageSeconds.names.map { name, path in
                .init(figures.stages[keyPath: path], labels + [("stage", name)])
            })
        page.histogram("apus_forward_seconds", "A step on the model.", [(figures.forwardSeconds, labels)])
        page.gauge("apus_waiting_tokens", "Prompt tokens that wait.", figures.waitingTokens, labels)
        page.counter(
            "apus_weight_updates_total", "Weights put in service while serving.", [.init(figures.weightUpdates, labels)]
        )
        page.counter(
            "apus_weight_update_failures_total", "Updates that left the old weights in service.",
            [.init(figures.weightFailures, labels)])
    }

    private func fact(_ group: String, _ name: String) -> Double { facts[group]?[name]?.doubleValue ?? 0 }
}
