import ApusEngine
import ApusWire
import Logging

/// A scheduler whose weights come and go between two steps.
///
/// Beside: the new ones are loaded by another thread while steps go on, then who comes begins on them; those in flight end
/// on the old ones, which stay until then. In place, when there is no room for both: those in flight end first, and who
/// comes waits. Paused: as either, but those in flight go over to the new weights.
protocol WeightHost: AnyObject {
    var weightWork: WeightWork { get set }
    var generations: Generations { get set }
    /// Why there are no weights at all; nil: there are, or will be.
    var weightsLost: String? { get set }
    /// nil: the weights cannot be replaced.
    var weightJobs: WeightJobs? { get }
    /// Told where the weights come from and what they are called, whenever that changes.
    var onWeights: ((_ path: String?, _ format: String?, _ label: String) -> Void)? { get }
    var holder: any WeightHolder { get }
    var logger: Logger { get }
    /// Seconds of the scheduler's clock.
    var now: Double { get }

    /// Nobody runs, and those in flight go over to the weights that come.
    var isPaused: Bool { get }
    /// The weights that those in flight are bound to.
    var generationsInUse: Set<Int> { get }
    /// Somebody has begun, and is to end on the weights that he began with.
    var hasBegun: Bool { get }

    /// Begins what concerns the memory of weights; nil: it goes on as a stage, else the reply.
    func begin(_ control: ControlCall) -> ControlReply?
    /// The weights in service go before there are others: gives up all that was made with them.
    func vacate()
    /// Frees what is cached of weights that go.
    func forgetCache(of generation: Int)
    /// Others take the place of the weights in service.
    func weightsWillChange()
    func weightsDidChange(flushesCache: Bool)
    /// There are no weights any more: nobody is to wait for them.
    func refuseEverything(_ reason: String)
    /// Tells the front what it reports of the model, if that has changed.
    func announce()
    func answer(_ call: UInt64?, _ reply: ControlReply)
}

extension WeightHost {
    /// Lets go of weights, and keeps their memory for others.
    func dropWeights(_ generation: Int) {
        forgetCache(of: generation)
        holder.drop(generation: generation)
        generations.drop(generation)
        weightJobs?.noteFreed(now: now)
    }

    func readWeights(_ name: String, _ rowCount: Int) -> ControlReply {
        guard generations.isThere else { return WeightRows.missing }
        return WeightRows.reply(rowCount) { holder.readWeights(generations.current, name, rowCount: $0) }
    }

    /// Totals for those who watch.
    func fillWeights(_ figures: inout SchedulerFigures) {
        figures.weightUpdates = weightWork.updates
        figures.weightFailures = weightWork.failures
        figures.weightLoadSeconds = weightJobs?.loadSeconds ?? 0
    }

    /// What says that a worker has no library.
    static var fixedWeights: String { "the weights of this kind of model cannot be replaced" }
}
