import ApusCore
import ApusGrammar
import ApusWire

/// The requests whose grammars are being compiled, and the grammars that are known already.
struct GrammarQueue {
    /// What is known of a source.
    enum Verdict {
        case ready(CompiledGrammar)
        case invalid(String)
    }

    private struct Job {
        let id: GrammarWorker.JobID
        let source: GrammarSource
        var requests: [Request]
    }

    private var jobs: [GrammarSource: Job] = [:]
    private var known = GrammarCache()
    private(set) var statistics = GrammarStatistics()

    /// Sources in work or waiting for it; a further one is refused.
    static let mostJobs = 256

    /// Requests that wait.
    private(set) var count = 0
    var isEmpty: Bool { count == 0 }
    var isFull: Bool { jobs.count >= Self.mostJobs }

    var requests: [Request] { jobs.values.flatMap(\.requests) }

    /// What is known already.
    mutating func verdict(on source: GrammarSource) -> Verdict? {
        statistics.total += 1
        let verdict = known.find(source)
        if verdict != nil { statistics.cacheHits += 1 }
        return verdict
    }

    func isInWork(_ source: GrammarSource) -> Bool { jobs[source] != nil }

    mutating func add(_ request: Request, waitingFor source: GrammarSource, _ worker: GrammarWorker) {
        count += 1
        if jobs[source] == nil { jobs[source] = Job(id: worker.submit(source), source: source, requests: []) }
        jobs[source]?.requests.append(request)
    }

    /// A request gives up. The last one for a grammar takes the work with it.
    mutating func remove(_ request: Request, _ worker: GrammarWorker) {
        guard let source = request.sampling.grammar, var job = jobs[source],
            let index = job.requests.firstIndex(where: { $0 === request })
        else { preconditionFailure("a request waits for no grammar") }
        job.requests.remove(at: index)
        count -= 1
        jobs[source] = job
        statistics.aborted += 1
        guard job.requests.isEmpty else { return }
        worker.cancel(job.id)
        jobs[source] = nil
    }

    /// Takes out those whose wait is over.
    mutating func settle(
        _ id: GrammarWorker.JobID, _ outcome: GrammarWorker.Outcome
    ) -> (source: GrammarSource, requests: [Request])? {
        guard let job = jobs.values.first(where: { $0.id == id }) else { return nil }
        switch outcome {
        case .ready(let grammar): known.insert(.ready(grammar), for: job.source)
        case .invalid(let reason): known.insert(.invalid(reason), for: job.source)
        case .timedOut:
            statistics.timeouts += job.requests.count
            statistics.aborted += job.requests.count
        }
        jobs[job.source] = nil
        count -= job.requests.count
        return (job.source, job.requests)
    }

    /// A request that is about to be removed has waited for too long.
    mutating func noteTimeout() { statistics.timeouts += 1 }

    /// A compilation took so long, whatever it came to.
    mutating func noteCompilation(seconds: Double) { statistics.seconds.observe(seconds) }

    /// Forgets what is known.
    mutating func flush() { known = GrammarCache() }
}

/// Totals since the start.
struct GrammarStatistics {
    /// Requests with a grammar, and those whose grammar was known.
    var total = 0
    var cacheHits = 0
    /// Requests that left, or whose time was over, before their grammar was ready; and the latter alone.
    var aborted = 0
    var timeouts = 0
    /// Of compilations.
    var seconds = Histogram(SchedulerFigures.grammarBounds)

    /// Totals for those who watch.
    func fill(_ figures: inout SchedulerFigures) {
        figures.grammarTotal = total
        figures.grammarCacheHits = cacheHits
        figures.grammarsAborted = aborted
        figures.grammarTimeouts = timeouts
        figures.grammarSeconds = seconds
    }
}

/// Verdicts by source, bounded in number and memory; the one that was not asked for longest goes first.
struct GrammarCache {
    static let mostEntries = 256
    static let mostBytes = 512 << 20

    private struct Entry {
        var verdict: GrammarQueue.Verdict
        var lastUse: UInt64
    }

    private var entries: [GrammarSource: Entry] = [:]
    private var uses: UInt64 = 0

    mutating func find(_ source: GrammarSource) -> GrammarQueue.Verdict? {
        uses += 1
        entries[source]?.lastUse = uses
        return entries[source]?.verdict
    }

    mutating func insert(_ verdict: GrammarQueue.Verdict, for source: GrammarSource) {
        uses += 1
        entries[source] = Entry(verdict: verdict, lastUse: uses)
        while entries.count > 1, entries.count > Self.mostEntries || byteCount > Self.mostBytes {
            guard let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
            entries[oldest.key] = nil
        }
    }

    private var byteCount: Int {
        entries.reduce(0) { sum, entry in
            guard case .ready(let grammar) = entry.value.verdict else { return sum + entry.key.text.utf8.count }
            return sum + entry.key.text.utf8.count + grammar.byteCount
        }
    }
}
