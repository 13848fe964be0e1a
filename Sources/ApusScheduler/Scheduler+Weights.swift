import ApusCore
import ApusEngine
import ApusWire
import Logging

/// Weights come and go between two steps.
///
/// Beside: the new ones are loaded by another thread while steps go on, then new requests begin on them; those in
/// flight end on the old ones, which stay until then. In place, when there is no room for both: requests in flight end
/// first, and new ones wait. Paused: as either, but frozen requests give up their KV and go on with the new weights.
extension Scheduler {
    /// Goes on with the first thing asked, as far as it goes without waiting.
    func tendWeights() {
        // Before, since an update may wait for just that; and after, since the weights may have been replaced.
        dropUnused()
        while advanceWeights() {}
        dropUnused()
        weightJobs?.tendMemory(now: now)
    }

    private func dropUnused() {
        guard generations.resident.count > 1 else { return }
        // Who waits for a grammar will begin on the weights of then.
        let isBound: (Request) -> Bool = { $0.phase != .finished && $0.phase != .compiling }
        var used = Set(requests.values.lazy.filter(isBound).map(\.generation))
        used.insert(generations.current)
        for generation in generations.resident.subtracting(used).sorted() {
            dropWeights(generation)
            logger.info("The last request on earlier weights has ended; they are freed.")
        }
    }

    /// True when something has changed.
    private func advanceWeights() -> Bool {
        switch weightWork.stage {
        case .idle: return beginWork()
        case .draining(let update, let candidate, let old):
            return pauseMode != nil || !hasBegunRequests ? changeInPlace(update, candidate, old: old) : false
        case .waiting(let update, let candidate):
            guard mayLoad else { return false }
            begin(update, candidate)
            return true
        default: break
        }
        guard let outcome = weightJobs?.take() else { return false }
        switch (weightWork.stage, outcome) {
        case (.checking(let update), .checked(let candidate)):
            if !mayLoad { logger.info("Requests on earlier weights end before the new ones are loaded.") }
            weightWork.stage = .waiting(update, candidate)
        case (.loading(let update), .loaded(let weights)), (.loadingInPlace(let update, _), .loaded(let weights)):
            putInService(weights, update)
        case (.checkingOld(let update, let candidate), .checked(let old)):
            logger.info("There is no memory for two versions of the weights: requests in flight end first.")
            weightWork.stage = .draining(update, candidate, old: old)
        case (.checkingOld, .failed(let failure)):
            fail(
                .unfit(
                    reason: "there is no memory for both, and the weights in service cannot be read again: "
                        + failure.reason))
        case (.checking, .failed(let failure)), (.loading, .failed(let failure)): fail(failure)
        case (.loadingInPlace(_, let old), .failed(let failure)):
            logger.error("The new weights failed (\(failure.reason)); the old ones are read again.")
            weightWork.stage = .restoring(failure)
            load(old)
        case (.restoring(let failure), .loaded(let weights)):
            worker.adopt(weights, as: generations.current)
            generations.restore()
            fail(failure)
        case (.restoring(let failure), .failed(let second)):
            lose("The weights in service could not be read again: \(second.reason)")
            fail(failure)
        case (.checkingReturn, .checked(let candidate)):
            weightWork.stage = .loadingReturn
            load(candidate)
        case (.loadingReturn, .loaded(let weights)):
            // What is cached of the released ones may be of other files.
            generations.advance(label: nil, path: generations.path, format: generations.format)
            worker.adopt(weights, as: generations.current)
            moveToCurrent()
            forgetPrefixes()
            finishWork(.done(message: ""))
        case (.checkingReturn, .failed(let failure)), (.loadingReturn, .failed(let failure)):
            finishWork(.failed(message: "The weights could not be loaded: \(failure.reason)"))
        case (let stage, let outcome): preconditionFailure("\(outcome) at \(stage)")
        }
        return true
    }

    /// Some request has KV, or has told its client something: it must not change its weights.
    private var hasBegunRequests: Bool {
        requests.values.contains { $0.phase != .finished && $0.startedAt != nil }
    }

    private func load(_ candidate: any WeightCandidate) {
        weightJobs?.load(candidate, logger: logger)
    }

    // MARK: - Work

    private func beginWork() -> Bool {
        guard let item = weightWork.items.first else { return false }
        switch item.control {
        case .updateWeights(let update):
            guard let weightJobs else {
                finishWork(.failed(message: WeightFailure.unfit(reason: Self.fixed).words(of: update)))
                return true
            }
            logger.info("Updating weights from \(update.path)")
            weightWork.stage = .checking(update)
            weightJobs.check(update.path, format: update.format)
        case .nameWeights(let version):
            generations.rename(to: version)
            onWeights?(generations.path, generations.format, version)
            finishWork(.done(message: "Weight version updated to \(version)"))
        case .releaseMemory(let parts): finishWork(release(parts))
        case .resumeMemory(let parts):
            if parts.kvCache { isCacheReleased = false }
            guard parts.weights, !generations.isThere, let weightJobs else {
                finishWork(.done(message: ""))
                return true
            }
            weightWork.stage = .checkingReturn
            weightJobs.check(generations.path, format: generations.format)
        case .readWeights, .pause, .proceed, .configureLogging, .recordExperts:
            preconditionFailure("\(item.control) is done at once")
        }
        return true
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

    private static let fixed = "the weights of this kind of model cannot be replaced"

    private func finishWork(_ reply: ControlReply) {
        weightWork.stage = .idle
        answer(weightWork.items.removeFirst().call, reply)
    }

    private func fail(_ failure: WeightFailure) {
        guard case .updateWeights(let update)? = weightWork.items.first?.control else {
            preconditionFailure("only updates fail like this")
        }
        weightWork.failures += 1
        logger.error("The weights were not updated: \(failure.reason)")
        finishWork(.failed(message: failure.words(of: update)))
    }

    // MARK: - Update

    /// Not beside two versions, unless those frozen on the older one go over.
    private var mayLoad: Bool { pauseMode != nil || generations.resident.count < 2 }

    private func begin(_ update: WeightUpdate, _ candidate: any WeightCandidate) {
        if candidate.fitsBeside || !generations.isThere {
            weightWork.stage = .loading(update)
            load(candidate)
        } else {
            weightWork.stage = .checkingOld(update, candidate)
            weightJobs?.check(generations.path, format: generations.format)
        }
    }

    private func changeInPlace(
        _ update: WeightUpdate, _ candidate: any WeightCandidate, old: any WeightCandidate
    ) -> Bool {
        freeze()
        cache.flush()
        dropWeights(generations.current)
        weightWork.stage = .loadingInPlace(update, old: old)
        announce()
        load(candidate)
        return true
    }

    private func putInService(_ weights: any ResidentWeights, _ update: WeightUpdate) {
        let mode: WeightWork.Mode
        if case .loadingInPlace = weightWork.stage { mode = .inPlace } else { mode = .beside }
        weightWork.mode = pauseMode == nil ? mode : .paused
        weightWork.updates += 1
        settledAt = now + configuration.settleSeconds
        weightsLost = nil
        if pauseMode != nil { freeze() }
        generations.advance(label: update.version, path: update.path, format: update.format)
        worker.adopt(weights, as: generations.current)
        onWeights?(update.path, update.format, generations.label)
        moveToCurrent()
        if update.flushesCache { forgetPrefixes() }
        let suffix = update.version.map { " Weight version updated to \($0)." } ?? ""
        logger.info("Weights updated from \(update.path), mode \(weightWork.mode?.rawValue ?? "").\(suffix)")
        finishWork(.done(message: "Succeeded to update model weights." + suffix))
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
            if request.startedAt == nil || pauseMode != nil || isLeft { request.move(to: generations.current) }
        }
    }

    private func forgetPrefixes() {
        for generation in 0..<generations.current { cache.drop(generation: generation) }
    }

    /// Generations that are resident shortly after the weights have changed, when the prompts that come are all cold. nil:
    /// that is over, also where an old stream lives on.
    var unsettledGenerations: Int? {
        now < settledAt ? max(generations.resident.count, 1) : nil
    }

    private func dropWeights(_ generation: Int) {
        cache.drop(generation: generation)
        worker.drop(generation: generation)
        generations.drop(generation)
        weightJobs?.noteFreed(now: now)
    }

    /// There are no weights any more: nobody is to wait for them.
    private func lose(_ reason: String) {
        logger.critical("\(reason). Requests are refused until an update succeeds or the server is started again.")
        weightsLost = reason
        for request in inArrivalOrder where request.phase != .finished {
            stop(request, .refused("\(reason).", status: 503))
        }
    }

    // MARK: - Memory

    private func release(_ parts: MemoryParts) -> ControlReply {
        guard !isCacheInUse, queue.isEmpty || pauseMode != nil, generations.resident.count <= 1 else {
            return .failed(message: "Memory can only be released while no request runs or waits.")
        }
        if parts.kvCache && !isCacheReleased {
            cache.flush()
            worker.discardCache()
            isCacheReleased = true
        }
        if parts.weights && generations.isThere {
            guard weightJobs != nil else { return .failed(message: Self.fixed) }
            dropWeights(generations.current)
        }
        logger.info("Memory released: kv_cache \(parts.kvCache), weights \(parts.weights).")
        return .done(message: "")
    }
}
