import ApusCore
import ApusWire
import Logging

extension Scheduler {
    /// Messages handled between two steps at most, so that a flood cannot stop the streams.
    private static let messagesPerStep = 4096

    func receive(patience: Double) {
        var message = inbox.receive(timeout: patience)
        now = clock()
        var count = 0
        while let current = message {
            handle(current)
            count += 1
            message = count < Self.messagesPerStep ? inbox.receive(timeout: 0) : nil
        }
        statistics.messages += count
    }

    private func handle(_ message: FrontToScheduler) {
        switch message {
        case .hello(let epoch): meet(epoch)
        case .generate(let request): accept(request)
        case .embed(let request):
            guard request.schedulerEpoch == configuration.epoch else { break }
            let reason = FinishReason.refused("This model generates text and makes no embeddings.", status: 400)
            ended.append(EndedRequest(rid: request.rid, finish: reason))
        case .abort(.request(let rid)):
            if let request = requests[rid] { abort(request) }
        case .abort(.everything):
            for request in requests.values.sorted(by: { $0.arrival < $1.arrival }) { abort(request) }
        case .release(let rids):
            for rid in rids {
                if let request = requests[rid] { release(request) }
            }
        case .detokenizerStarted:
            outputs.greet(epoch: configuration.epoch)
            for request in requests.values.sorted(by: { $0.arrival < $1.arrival }) { outputs.resend(request) }
        case .resend(let rids):
            for rid in rids {
                if let request = requests[rid] { outputs.resend(request) }
            }
        case .flushCache(let call, let timeout):
            if let outcome = flush.begin(call: call, timeout: timeout, isIdle: mayFlush, now: now) {
                answerFlush(call, outcome)
            }
        case .state(let call):
            renewFigures()
            front.send(.state(call: call, state))
        case .control(let call, let control):
            operate(control, call: call)
        }
    }

    /// A front has started: what an earlier one asked for has nobody to go to.
    private func meet(_ epoch: UInt64) {
        if frontEpoch != epoch {
            frontEpoch = epoch
            for request in Array(requests.values) { release(request) }
            ended.removeAll()
            healthChecks.removeAll()
            front.discardBacklog()
            weightWork.forgetCallers()
        }
        announced = ready
        front.send(.ready(ready))
    }

    private func accept(_ request: GenerateRequest) {
        guard request.schedulerEpoch == configuration.epoch else { return }
        guard !request.isHealthCheck else { return healthChecks.append(request.rid) }
        if let earlier = requests[request.rid] {
            guard earlier.phase == .finished else {
                return refuse(request, Intake.Refusal("Duplicate request ID detected: \(request.rid)").reason)
            }
            release(earlier)
        }
        do throws(Intake.Refusal) {
            if let weightsLost { throw Intake.Refusal("\(weightsLost).", status: 503) }
            let admitted = try intake.admit(request, generation: generations.current)
            guard queue.count + grammars.count < configuration.maxQueuedRequests ?? .max else {
                throw Intake.Refusal("The request queue is full.", status: 503)
            }
            enqueue(request, admitted, try checkGrammar(of: request.sampling))
        } catch {
            refuse(request, error.reason)
        }
    }

    private func refuse(_ request: GenerateRequest, _ reason: FinishReason) {
        ended.append(EndedRequest(rid: request.rid, finish: reason))
    }

    private func enqueue(
        _ request: GenerateRequest, _ admitted: Intake.Admitted, _ verdict: GrammarQueue.Verdict?
    ) {
        arrivals += 1
        let seed = request.sampling.seed.map { UInt64(bitPattern: $0) } ?? seeds.next()
        let made = Request(request, admitted: admitted, arrival: arrivals, seed: seed, now: now)
        made.timing.queued = Clocks.unix()
        requests[made.rid] = made
        logRequest("request queued", made.rid, made.origin, ["prompt_tokens": "\(made.promptCount)"])
        line(up: made, verdict)
    }

    /// Nobody's KV is in the cache; while paused, who waits may wait on.
    var mayFlush: Bool { isIdle || pauseMode != nil && !isCacheInUse }

    func answerFlush(_ call: UInt64, _ outcome: FlushOutcome) {
        if outcome == .flushed {
            cache.flush()
            grammars.flush()
            logger.info("Cache flushed.")
        }
        front.send(.flushed(call: call, outcome: outcome))
    }
}
