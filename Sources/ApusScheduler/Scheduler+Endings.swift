import ApusCore
import ApusEngine
import ApusWire
import Logging

extension Scheduler {
    /// The client asked for the end, or left.
    func abort(_ request: Request) {
        stop(
            request, running: .aborted,
            waiting: .abort(message: "Abort in waiting queue", status: nil, kind: nil))
    }

    /// Ends a request in whatever state it is; a finished one has its ending already.
    func stop(_ request: Request, _ reason: FinishReason) {
        stop(request, running: reason, waiting: reason)
    }

    private func stop(_ request: Request, running: FinishReason, waiting: FinishReason) {
        if request.phase == .finished { return }
        switch request.phase {
        case .compiling: forsakeGrammar(request)
        case .waiting where request.startedAt == nil: queue.remove(request)
        default: return end(request, running, keepsPrefix: true)
        }
        requests[request.rid] = nil
        ended.append(EndedRequest(rid: request.rid, finish: waiting))
        logRequest("request ended before it ran", request.rid, request.origin)
    }

    /// Ends a request that has run: frees its memory, and tells the detokenizer with what is still unsent.
    /// With `keepsPrefix` its computed tokens stay in the cache.
    func end(_ request: Request, _ reason: FinishReason, keepsPrefix: Bool) {
        leave(request, keepsPrefix: keepsPrefix)
        request.close(reason)
        request.timing.finished = Clocks.unix()
        ledger.append(request, now: now)
        logRequest(
            "request finished", request.rid, request.origin,
            ["prompt_tokens": "\(request.promptCount)", "completion_tokens": "\(request.generated)"])
        outputs.offer(request)
    }

    /// The front has the final word of a request, or no use for it: forgets it, ending it first if it still runs.
    func release(_ request: Request) {
        if request.phase == .finished {
            outputs.forget(request)
            ledger.noteRelease()
        } else {
            leave(request, keepsPrefix: true)
            request.close(.aborted)
            outputs.forget(request)
        }
        requests[request.rid] = nil
    }

    /// Takes a request out of the queue or the running set, and its memory back. `DecodeSet` drops it when next swept.
    private func leave(_ request: Request, keepsPrefix: Bool) {
        if request.phase == .compiling { forsakeGrammar(request) }
        if request.phase == .waiting { queue.remove(request) }
        if prefilling === request { prefilling = nil }
        guard let table = request.table else { return }
        if keepsPrefix { cache.extend(&request.lease, request.tokens, to: request.computed, table: table) }
        cache.release(&request.lease, table: table)
    }

    /// The pool is short: gives a running request's memory to others and lets it wait for its next turn.
    func retract(_ request: Request) {
        guard let table = request.table else { preconditionFailure("a request without memory has nothing to give") }
        if prefilling === request { prefilling = nil }
        cache.release(&request.lease, table: table)
        request.computed = 0
        request.retractions += 1
        request.phase = .waiting
        queue.insert(request)
        statistics.noteRetraction(promptTokens: request.promptCount, outputTokens: request.generated)
        logRequest("request retracted", request.rid, request.origin)
    }

    /// Ends what took too long, and forgets outputs that nobody fetched.
    func expire() {
        guard now >= nextExpiry else { return }
        nextExpiry = now + 0.05
        if let limit = configuration.waitingTimeout {
            let reason = FinishReason.refused("Request waiting timeout reached.", status: 503)
            for request in queue.requests + grammars.requests
            where request.startedAt == nil && now - request.queuedAt > limit {
                stop(request, running: reason, waiting: reason)
            }
        }
        expireGrammars()
        if let limit = configuration.runningTimeout {
            let reason = FinishReason.refused("Request running timeout reached.", status: 503)
            for request in requests.values where request.phase != .finished {
                if let start = request.startedAt, now - start > limit { end(request, reason, keepsPrefix: true) }
            }
        }
        while let request = ledger.popExpired(now: now) {
            logger.warning("dropped the output of request \(request.rid), which was never released")
            outputs.forget(request)
            requests[request.rid] = nil
        }
    }
}
