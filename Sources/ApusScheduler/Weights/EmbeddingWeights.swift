import ApusEngine
import ApusJSON
import ApusWire
import Logging

/// The weights of a model that makes vectors come and go between two steps.
///
/// A text is bound to the weights that are current when it comes, and its vector is made on them. Beside: the new ones are
/// loaded while steps go on, then who comes is bound to them; the old ones are freed after the last text that waited for
/// them. In place, when there is no room for both: texts that wait are done first, and later ones wait unbound.
final class EmbeddingWeights {
    private(set) var generations: Generations
    private(set) var work = WeightWork()
    /// Why nothing can run any more; nil: it can.
    private(set) var loss: String?
    /// As `Scheduler.onWeights`.
    var onWeights: ((_ path: String?, _ format: String?, _ label: String) -> Void)?
    private let worker: any EmbeddingWorker
    private let jobs: WeightJobs?
    private let logger: Logger
    private var now = 0.0
    private var replies: [(call: UInt64?, reply: ControlReply)] = []

    init(_ worker: any EmbeddingWorker, jobs: WeightJobs?, generations: Generations, logger: Logger) {
        self.worker = worker
        self.jobs = jobs
        self.logger = logger
        self.generations = generations
    }

    /// Texts that come are not bound: the weights that they will run on are not there yet.
    var isHolding: Bool {
        switch work.stage {
        case .draining, .loadingInPlace, .restoring: true
        default: loss != nil
        }
    }

    /// Takes a call of weights; false: it is none.
    func take(_ control: ControlCall, call: UInt64) -> Bool {
        switch control {
        case .updateWeights, .nameWeights: work.items.append(.init(call: call, control: control))
        case .readWeights(let name, let rowCount): replies.append((call, read(name, rowCount)))
        default: return false
        }
        return true
    }

    /// Totals for those who watch.
    func fill(_ figures: inout SchedulerFigures) {
        figures.weightUpdates = work.updates
        figures.weightFailures = work.failures
        figures.weightLoadSeconds = jobs?.loadSeconds ?? 0
    }

    func forgetCallers() {
        work.forgetCallers()
        replies.removeAll()
    }

    /// Goes on with the first thing asked, as far as it goes without waiting.
    ///
    /// - Parameter waits: Whether a text waits for a generation.
    /// - Returns: Replies to calls that came to their end.
    func tend(now: Double, _ waits: (_ generation: Int) -> Bool) -> [(call: UInt64?, reply: ControlReply)] {
        self.now = now
        while advance(waits) {}
        for generation in generations.resident.sorted() where generation != generations.current && !waits(generation) {
            drop(generation)
            logger.info("The last text on earlier weights is done; they are freed.")
        }
        jobs?.tendMemory(now: now)
        defer { replies.removeAll() }
        return replies
    }

    /// True when something has changed.
    private func advance(_ waits: (Int) -> Bool) -> Bool {
        switch work.stage {
        case .idle: return begin()
        case .draining(let update, let candidate, let old):
            guard !generations.resident.contains(where: waits) else { return false }
            for generation in generations.resident.sorted() { drop(generation) }
            work.stage = .loadingInPlace(update, old: old)
            jobs?.load(candidate, logger: logger)
            return true
        default: break
        }
        guard let outcome = jobs?.take() else { return false }
        switch (work.stage, outcome) {
        case (.checking(let update), .checked(let candidate)): checked(update, candidate)
        case (.checkingOld(let update, let candidate), .checked(let old)):
            logger.info("There is no memory for two versions of the weights: texts that wait are done first.")
            work.stage = .draining(update, candidate, old: old)
        case (.checkingOld, .failed(let failure)):
            fail(
                .unfit(
                    reason: "there is no memory for both, and the weights in service cannot be read again: "
                        + failure.reason))
        case (.checking, .failed(let failure)), (.loading, .failed(let failure)): fail(failure)
        case (.loading(let update), .loaded(let weights)): putInService(weights, update, mode: .beside)
        case (.loadingInPlace(let update, _), .loaded(let weights)): putInService(weights, update, mode: .inPlace)
        case (.loadingInPlace(_, let old), .failed(let failure)):
            logger.error("The new weights failed (\(failure.reason)); the old ones are read again.")
            work.stage = .restoring(failure)
            jobs?.load(old, logger: logger)
        case (.restoring(let failure), .loaded(let weights)):
            worker.adopt(weights, as: generations.current)
            generations.restore()
            fail(failure)
        case (.restoring(let failure), .failed(let second)):
            loss = "The weights in service could not be read again: \(second.reason)"
            logger.critical(
                "\(loss ?? ""). Requests are refused until an update succeeds or the server is started again.")
            fail(failure)
        case (let stage, let outcome): preconditionFailure("\(outcome) at \(stage)")
        }
        return true
    }

    private func begin() -> Bool {
        guard let item = work.items.first else { return false }
        switch item.control {
        case .updateWeights(let update):
            guard let jobs else {
                finish(
                    .failed(message: WeightFailure.unfit(reason: "the weights cannot be replaced").words(of: update)))
                return true
            }
            logger.info("Updating weights from \(update.path)")
            work.stage = .checking(update)
            jobs.check(update.path, format: update.format)
        case .nameWeights(let version):
            generations.rename(to: version)
            onWeights?(generations.path, generations.format, version)
            finish(.done(message: "Weight version updated to \(version)"))
        default: preconditionFailure("\(item.control) is not of weights")
        }
        return true
    }

    private func checked(_ update: WeightUpdate, _ candidate: any WeightCandidate) {
        if candidate.fitsBeside || !generations.isThere {
            work.stage = .loading(update)
            jobs?.load(candidate, logger: logger)
        } else {
            work.stage = .checkingOld(update, candidate)
            jobs?.check(generations.path, format: generations.format)
        }
    }

    private func putInService(_ weights: any ResidentWeights, _ update: WeightUpdate, mode: WeightWork.Mode) {
        loss = nil
        work.mode = mode
        work.updates += 1
        generations.advance(label: update.version, path: update.path, format: update.format)
        worker.adopt(weights, as: generations.current)
        onWeights?(update.path, update.format, generations.label)
        let suffix = update.version.map { " Weight version updated to \($0)." } ?? ""
        logger.info("Weights updated from \(update.path), mode \(mode.rawValue).\(suffix)")
        finish(.done(message: "Succeeded to update model weights." + suffix))
    }

    private func fail(_ failure: WeightFailure) {
        guard case .updateWeights(let update)? = work.items.first?.control else {
            preconditionFailure("only updates fail like this")
        }
        work.failures += 1
        logger.error("The weights were not updated: \(failure.reason)")
        finish(.failed(message: failure.words(of: update)))
    }

    private func finish(_ reply: ControlReply) {
        work.stage = .idle
        replies.append((work.items.removeFirst().call, reply))
    }

    private func drop(_ generation: Int) {
        worker.drop(generation: generation)
        generations.drop(generation)
        jobs?.noteFreed(now: now)
    }

    private func read(_ name: String, _ rowCount: Int) -> ControlReply {
        guard generations.isThere else { return WeightRows.missing }
        return WeightRows.reply(rowCount) { worker.readWeights(generations.current, name, rowCount: $0) }
    }
}
