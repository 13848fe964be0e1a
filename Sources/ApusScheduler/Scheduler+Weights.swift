import ApusCore
import ApusEngine
import ApusWire
import Logging

extension Scheduler: WeightHost {
    var holder: any WeightHolder { worker }

    var isPaused: Bool { pauseMode != nil }

    /// Who waits for a grammar will begin on the weights of then.
    var generationsInUse: Set<Int> {
        let isBound: (Request) -> Bool = { $0.phase != .finished && $0.phase != .compiling }
        return Set(requests.values.lazy.filter(isBound).map(\.generation))
    }

    /// Some request has KV, or has told its client something: it must not change its weights.
    var hasBegun: Bool {
        requests.values.contains { $0.phase != .finished && $0.startedAt != nil }
    }

    /// Lends the processors to whoever loads weights, when a step's tokens are on their way: for what is left of the time
    /// of two decode steps, and never for more than a third of one, since steps differ.
    ///
    /// - Parameter seconds: What the step took, all in all; 0: there was nothing to compute.
    func lendToLoader(after seconds: Double) {
        guard let gate = weightJobs?.gate else { return }
        guard seconds > 0 else { return gate.open() }
        let step = decoding.isEmpty ? seconds : budget.decodeSeconds ?? seconds
        // At least an eighth, since loading must come to its end also where steps suddenly take longer.
        gate.lend(min(max(2 * step - seconds, step / 8), step / 3))
    }

    // MARK: - Change

    func vacate() {
        freeze()
        cache.flush()
    }

    /// Clients whose streams have ended on those weights come back with prompts that are cold on others.
    func forgetCache(of generation: Int) {
        cache.drop(generation: generation)
        unsettle()
    }

    private func unsettle() { settledAt = now + configuration.settleSeconds }

    func weightsWillChange() {
        if isPaused { freeze() }
    }

    func weightsDidChange(flushesCache: Bool) {
        unsettle()
        moveToCurrent()
        guard flushesCache else { return }
        for generation in 0..<generations.current { cache.drop(generation: generation) }
    }

    /// Running requests give up KV that other weights are not to go on from.
    private func freeze() {
        for request in inArrivalOrder where request.phase == .prefilling || request.phase == .decoding {
            retract(request)
        }
        decoding.sweep()
    }

    /// Who has not begun begins on the new weights; who was frozen while they changed goes on with them.
    private func moveToCurrent() {
        for request in queue.requests {
            let isLeft = !generations.resident.contains(request.generation)
            if request.startedAt == nil || isPaused || isLeft { request.move(to: generations.current) }
        }
    }

    /// Generations that are resident shortly after weights have come or gone, when the prompts that come are all cold. nil:
    /// that is over, also where an old stream lives on.
    var unsettledGenerations: Int? {
        now < settledAt ? max(generations.resident.count, 1) : nil
    }

    func refuseEverything(_ reason: String) {
        for request in inArrivalOrder where request.phase != .finished {
            stop(request, .refused(reason, status: 503))
        }
    }

    // MARK: - Memory

    func begin(_ control: ControlCall) -> ControlReply? {
        switch control {
        case .releaseMemory(let parts): return release(parts)
        case .resumeMemory(let parts):
            if parts.kvCache { isCacheReleased = false }
            guard parts.weights, !generations.isThere, let weightJobs else { return .done(message: "") }
            weightWork.stage = .checkingReturn
            weightJobs.check(generations.path, format: generations.format)
            return nil
        default: preconditionFailure("\(control) is done at once")
        }
    }

    private func release(_ parts: MemoryParts) -> ControlReply {
        guard !isCacheInUse, queue.isEmpty || isPaused, generations.resident.count <= 1 else {
            return .failed(message: "Memory can only be released while no request runs or waits.")
        }
        if parts.kvCache && !isCacheReleased {
            cache.flush()
            worker.discardCache()
            isCacheReleased = true
        }
        if parts.weights && generations.isThere {
            guard weightJobs != nil else { return .failed(message: Self.fixedWeights) }
            dropWeights(generations.current)
        }
        logger.info("Memory released: kv_cache \(parts.kvCache), weights \(parts.weights).")
        return .done(message: "")
    }
}
