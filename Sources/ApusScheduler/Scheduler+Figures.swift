import ApusCore
import ApusObserve
import ApusWire
import Logging

extension Scheduler {
    /// Looks at everything that is told to those who watch. Not free: the queue is walked and the system is asked.
    func renewFigures() {
        var new = SchedulerFigures()
        statistics.fill(&new)
        new.evictableTokens = cache.tree.evictablePages * configuration.pageSize
        new.sequenceTokens = decoding.tokenCount + (prefilling?.computed ?? 0)
        for request in queue.requests {
            new.waitingTokens += request.tokens.count
            if request.retractions > 0 { new.retractedWaiting += 1 }
        }
        new.grammarRequests = grammars.count
        grammars.statistics.fill(&new)
        if pauseMode != nil { new.pausedRequests = decoding.count + (prefilling == nil ? 0 : 1) + queue.count }
        new.newTokenRatio = ratio.value
        new.evictedTokens = cache.evictedTokens
        new.evictionSeconds = cache.evictionSeconds
        fillWeights(&new)
        new.process = .current()
        figures = new
    }

    // MARK: - Log

    /// A line about a request, with whose it is.
    func logRequest(_ text: String, _ rid: String, _ origin: RequestOrigin, _ fields: Logger.Metadata = [:]) {
        logger.log(
            level: ProcessLog.requestLevel, "\(text)", metadata: Self.metadata(rid, origin).merging(fields) { $1 })
    }

    static func metadata(_ rid: String, _ origin: RequestOrigin) -> Logger.Metadata {
        origin.fields(rid: rid).mapValues { "\($0)" }
    }

    func configure(_ settings: LogSettings) {
        ProcessLog.configure(level: settings.level, logsRequests: settings.logsRequests)
        outputs.configure(settings)
    }
}
