import ApusCore
import ApusJSON
import ApusWire
import Logging

extension Scheduler {
    /// Tells everybody what the step changed.
    func reply() {
        if !ended.isEmpty {
            front.send(.ended(ended))
            ended.removeAll(keepingCapacity: true)
        }
        front.flush()
        outputs.flush()
        for rid in healthChecks { front.send(.healthy(rid: rid)) }
        healthChecks.removeAll(keepingCapacity: true)
        let isBusy = !isIdle && !isHeld
        if let (call, outcome) = flush.poll(isIdle: mayFlush, now: now) { answerFlush(call, outcome) }
        if wasBusy && isIdle { rest() }
        publish(isBusy: isBusy)
        beat(isBusy: isBusy)
        wasBusy = isBusy
    }

    /// The last request has gone.
    private func rest() {
        ratio.reset()
        if let leak = leak { logger.error("KV pool accounts do not add up: \(leak)") }
    }

    // MARK: - Heartbeat

    /// Lets the heartbeat thread see where the scheduler is.
    func publish(isBusy: Bool) {
        pulse.update { reading in
            reading.heartbeat = heartbeat(isBusy: isBusy)
            reading.load = load
        }
    }

    private func beat(isBusy: Bool) {
        let isDue = now >= nextHeartbeat
        guard isBusy != wasBusy || isDue else { return }
        if isDue { renewFigures() }
        guard front.offer(.heartbeat(heartbeat(isBusy: isBusy), load: load)) else { return }
        nextHeartbeat = now + configuration.heartbeatInterval
        pulse.update { $0.reportedAt = now }
    }

    private func heartbeat(isBusy: Bool) -> Heartbeat {
        Heartbeat(
            epoch: configuration.epoch, processID: configuration.processID,
            progress: UInt64(statistics.steps + statistics.messages), isBusy: isBusy)
    }

    // MARK: - State

    var load: SchedulerLoad {
        SchedulerLoad(
            running: decoding.count + (prefilling == nil ? 0 : 1), queued: queue.count + grammars.count,
            freeTokens: cache.freeTokens,
            cachedTokens: cache.cachedTokens, heldTokens: cache.heldTokens,
            generationThroughput: log.throughput, figures: figures)
    }

    var state: SchedulerState {
        let details: JSONValue = [
            "last_gen_throughput": .double(log.throughput),
            "effective_max_running_requests_per_dp": .integer(Int64(limits.maxRunningRequests)),
            "token_capacity": .integer(Int64(limits.capacity)),
            "new_token_ratio": .double(ratio.value),
            "token_usage": .double(cache.usage),
            "kv_evictable_tokens": .integer(Int64(cache.tree.evictablePages * configuration.pageSize)),
            "cached_prefixes": .integer(Int64(cache.tree.nodeCount)),
            "kept_outputs": .integer(Int64(ledger.count)),
            "steps": .integer(Int64(statistics.steps)),
            "prefilled_tokens": .integer(Int64(statistics.prefilledTokens)),
            "prefix_cache_tokens": .integer(Int64(statistics.cachedTokens)),
            "generated_tokens": .integer(Int64(statistics.generatedTokens)),
            "jumped_tokens": .integer(Int64(statistics.jumpedTokens)),
            "grammars": [
                "queued": .integer(Int64(grammars.count)), "total": .integer(Int64(grammars.statistics.total)),
                "cache_hits": .integer(Int64(grammars.statistics.cacheHits)),
                "aborted": .integer(Int64(grammars.statistics.aborted)),
                "timeouts": .integer(Int64(grammars.statistics.timeouts)),
            ],
            "retractions": .integer(Int64(statistics.retractions)),
            "weight_version": .string(generations.label),
            "weight_update": weightWork.json,
            "resident_weights": .integer(Int64(generations.resident.count)),
            "paused": JSONValue(pauseMode.map { "\($0)" }),
        ]
        return SchedulerState(load: load, details: details.description)
    }
}
