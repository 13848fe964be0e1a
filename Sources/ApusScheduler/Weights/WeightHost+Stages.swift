import ApusEngine
import ApusWire
import Logging

/// The way of an update, stage by stage.
extension WeightHost {
    /// Goes on with the first thing asked, as far as it goes without waiting.
    func tendWeights() {
        // Before, since an update may wait for just that; and after, since the weights may have been replaced.
        dropUnused()
        while advance() {}
        dropUnused()
        weightJobs?.tendMemory(now: now)
    }

    private func dropUnused() {
        guard generations.resident.count > 1 else { return }
        let used = generationsInUse.union([generations.current])
        for generation in generations.resident.subtracting(used).sorted() {
            dropWeights(generation)
            logger.info("The last request on earlier weights has ended; they are freed.")
        }
    }

    /// True when something has changed.
    private func advance() -> Bool {
        switch weightWork.stage {
        case .idle: return beginWork()
        case .waiting(let update, let candidate):
            guard mayLoad else { return false }
            begin(update, candidate)
            return true
        case .ready(let update, let weights):
            guard mayLoad else { return false }
            putInService(weights, update, mode: .beside)
            return true
        case .draining(let update, let candidate, let old):
            guard isPaused || !hasBegun else { return false }
            changeInPlace(update, candidate, old: old)
            return true
        default: break
        }
        guard let outcome = weightJobs?.take() else { return false }
        switch (weightWork.stage, outcome) {
        case (.checking(let update), .checked(let candidate)):
            if !mayLoad { logger.info("Requests on earlier weights end before the new ones are loaded.") }
            weightWork.stage = .waiting(update, candidate)
        case (.loading(let update), .loaded(let weights)): weightWork.stage = .ready(update, weights)
        case (.loadingInPlace(let update, _), .loaded(let weights)): putInService(weights, update, mode: .inPlace)
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
            holder.adopt(weights, as: generations.current)
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
            holder.adopt(weights, as: generations.current)
            weightsDidChange(flushesCache: true)
            finishWork(.done(message: ""))
        case (.checkingReturn, .failed(let failure)), (.loadingReturn, .failed(let failure)):
            finishWork(.failed(message: "The weights could not be loaded: \(failure.reason)"))
        case (let stage, let outcome): preconditionFailure("\(outcome) at \(stage)")
        }
        return true
    }

    private func load(_ candidate: any WeightCandidate) {
        weightJobs?.load(candidate, logger: logger)
    }

    // MARK: - Beginning and end

    private func beginWork() -> Bool {
        guard let item = weightWork.items.first else { return false }
        switch item.control {
        case .updateWeights(let update):
            guard let weightJobs else {
                finishWork(.failed(message: WeightFailure.unfit(reason: Self.fixedWeights).words(of: update)))
                return true
            }
            logger.info("Updating weights from \(update.path)")
            weightWork.stage = .checking(update)
            weightJobs.check(update.path, format: update.format)
        case .nameWeights(let version):
            generations.rename(to: version)
            onWeights?(generations.path, generations.format, version)
            finishWork(.done(message: "Weight version updated to \(version)"))
        default:
            if let reply = begin(item.control) { finishWork(reply) }
        }
        return true
    }

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

    private func lose(_ reason: String) {
        logger.critical("\(reason). Requests are refused until an update succeeds or the server is started again.")
        weightsLost = reason
        refuseEverything("\(reason).")
    }

    // MARK: - Update

    /// Not beside two versions, unless those frozen on the older one go over.
    private var mayLoad: Bool { isPaused || generations.resident.count < 2 }

    private func begin(_ update: WeightUpdate, _ candidate: any WeightCandidate) {
        if candidate.fitsBeside || !generations.isThere {
            weightWork.stage = .loading(update)
            load(candidate)
        } else {
            weightWork.stage = .checkingOld(update, candidate)
            weightJobs?.check(generations.path, format: generations.format)
        }
    }

    private func changeInPlace(_ update: WeightUpdate, _ candidate: any WeightCandidate, old: any WeightCandidate) {
        vacate()
        dropWeights(generations.current)
        weightWork.stage = .loadingInPlace(update, old: old)
        announce()
        load(candidate)
    }

    private func putInService(_ weights: any ResidentWeights, _ update: WeightUpdate, mode: WeightWork.Mode) {
        weightWork.mode = isPaused ? .paused : mode
        weightWork.updates += 1
        weightsLost = nil
        weightsWillChange()
        generations.advance(label: update.version, path: update.path, format: update.format)
        holder.adopt(weights, as: generations.current)
        onWeights?(update.path, update.format, generations.label)
        weightsDidChange(flushesCache: update.flushesCache)
        let suffix = update.version.map { " Weight version updated to \($0)." } ?? ""
        logger.info("Weights updated from \(update.path), mode \(weightWork.mode?.rawValue ?? "").\(suffix)")
        finishWork(.done(message: "Succeeded to update model weights." + suffix))
    }
}
