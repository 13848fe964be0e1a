import ApusCore
import ApusJSON
import ApusObserve
import ApusWire
import Hummingbird

/// `GET /metrics`, with `--enable-metrics`: figures of all three processes.
struct MetricsRoute: Sendable {
    let service: FrontService

    /// Seconds for the scheduler's own figures; those of its last heartbeat stand in for them.
    private static let patience = 0.3

    func add(to table: inout RouteTable) {
        guard let metrics = service.observer.metrics else { return }
        table.add(
            "/metrics", methods: [.get], about: RouteDocument("Figures in Prometheus' format", answer: .text)
        ) { _ throws(FrontError) in
            let page = await page(metrics)
            return Response(
                status: .ok, headers: [.contentType: MetricsPage.contentType],
                body: ResponseBody(byteBuffer: .init(string: page)))
        }
    }

    private func page(_ metrics: FrontMetrics) async -> String {
        let report =
            service.monitor.ring.ready == nil
            ? nil
            : await service.monitor.report(within: Self.patience) { call in service.ring.post(.state(call: call)) }
        let ring = service.monitor.ring
        var page = MetricsPage(labels: service.configuration.metrics.labels)
        let model: MetricsPage.Labels = [("model_name", service.servedModelName), ("engine_type", "unified")]
        if let ready = ring.ready, let load = report?.load ?? ring.load {
            SchedulerMetrics(ready: ready, load: load, settings: service.configuration, labels: model)
                .write(to: &page)
        }
        metrics.write(to: &page, model)
        writeProcesses(ring, report?.load ?? ring.load, to: &page)
        if let counts = service.observer.traceCounts {
            page.counter(
                "apus_trace_spans_total", "Spans, by what became of them.",
                [
                    .init(counts.exported, [("outcome", "exported")]), .init(counts.dropped, [("outcome", "dropped")]),
                ])
        }
        return page.text
    }

    private func writeProcesses(_ ring: RingState, _ load: SchedulerLoad?, to page: inout MetricsPage) {
        let detokenizer = ring.detokenizerFigures
        var processes: [(role: String, usage: ProcessUsage)] = [("front", .current())]
        if ring.ready != nil, let load { processes.append(("scheduler", load.figures.process)) }
        if let detokenizer { processes.append(("detokenizer", detokenizer.process)) }
        page.counter(
            "sglang:process_cpu_seconds_total", "Processor time of a process.",
            // The reference calls the front by its other work.
            processes.map { .init($1.cpuSeconds, [("component", $0 == "front" ? "tokenizer" : $0)]) })
        page.gauge(
            "apus_process_resident_bytes", "Memory of a process that is present.",
            processes.map { .init($1.residentBytes, [("role", $0)]) })
        page.gauge(
            "apus_process_allocated_bytes", "Memory that a process asked of its allocator.",
            processes.map { .init($1.allocatedBytes, [("role", $0)]) })
        let now = Clocks.monotonic()
        page.gauge(
            "apus_role_up", "Whether a process can be counted on.",
            [
                .init(ring.isSchedulerAlive(now: now) ? 1 : 0, [("role", "scheduler")]),
                .init(ring.isDetokenizerAlive(now: now) ? 1 : 0, [("role", "detokenizer")]),
            ])
        page.gauge("apus_ready", "Whether traffic should come here.", service.isReady ? 1 : 0)
        var depths: [(role: String, queue: String, depth: Int)] = [
            ("front", "requests", service.board.clientCount), ("front", "ring", service.ring.depth),
            ("front", "work", service.work.depth),
        ]
        if ring.ready != nil, let load {
            depths += [("scheduler", "waiting", load.queued), ("scheduler", "running", load.running)]
        }
        if let detokenizer {
            depths += [
                ("detokenizer", "streams", detokenizer.streams), ("detokenizer", "outgoing", detokenizer.backlog),
            ]
        }
        page.gauge(
            "apus_queue_depth", "What waits in a process.",
            depths.map { .init($0.depth, [("role", $0.role), ("queue", $0.queue)]) })
    }
}
