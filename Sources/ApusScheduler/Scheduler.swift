import ApusCore
package import ApusEngine
package import ApusWire
package import Logging

/// Decides what the worker computes: one blocking loop on one thread.
///
/// Receive > schedule > forward > reply. A step holds one row for every running stream and prompt rows up to a budget
/// (`PrefillBudget`); what does not fit waits in arrival order or as the policy says (`QueueOrder`). Every request has
/// exactly one ending: `SchedulerToFront.ended` if it never ran, else the update that carries its finish reason.
package final class Scheduler {
    package let configuration: SchedulerConfiguration
    package let limits: Limits
    /// For `HeartbeatThread`.
    package let pulse: Pulse

    let worker: any ModelWorker
    let inbox: any Inbox<FrontToScheduler>
    let outputs: Outputs
    let front: FrontLine
    let logger: Logger
    let clock: () -> Double
    let intake: Intake

    /// By id: waiting, running, and finished but not released.
    var requests: [String: Request] = [:]
    var queue = PrefillQueue()
    var grammars = GrammarQueue()
    /// nil: no grammars are served.
    let grammarWorker: GrammarWorker?
    /// The one request whose prompt is computed in part.
    var prefilling: Request?
    var decoding = DecodeSet()
    var ledger: Ledger

    let cache: KVCache
    var order: QueueOrder
    var ratio: NewTokenRatio
    var budget: PrefillBudget
    var builder = BatchBuilder()
    var result = ForwardResult()

    var flush = Flush()
    let experts: ExpertDesk
    var generations: Generations
    var weightWork = WeightWork()
    /// nil: the worker's weights cannot be replaced.
    let weightJobs: WeightJobs?
    /// Told where the weights come from and what they are called, whenever that changes.
    package var onWeights: ((_ path: String?, _ format: String?, _ label: String) -> Void)?
    /// Until then the weights count as new.
    var settledAt = -Double.infinity
    /// Why there are no weights at all; nil: there are, or will be.
    var weightsLost: String?
    var pauseMode: PauseMode?
    /// The pool's memory was given back.
    var isCacheReleased = false
    /// What the front was told last.
    var announced: SchedulerReady?
    var healthChecks: [String] = []
    /// Requests that end without having run, until the reply of this step.
    var ended: [EndedRequest] = []
    var frontEpoch: UInt64?

    var arrivals: UInt64 = 0
    var seeds: SplitMix64
    var log: BatchLog
    var statistics = Statistics()
    /// As last told.
    var figures = SchedulerFigures()
    /// Seconds of `clock` at the start of this step.
    var now: Double
    var nextExpiry = 0.0
    var nextHeartbeat = 0.0
    var wasBusy = false

    /// `library`: where other weights come from; `compilation` makes grammars, nil: none are served; `wake` ends a wait
    /// of the inbox, from any thread.
    package convenience init(
        configuration: SchedulerConfiguration, worker: any ModelWorker, inbox: any Inbox<FrontToScheduler>,
        detokenizer: any Outbox<SchedulerToDetokenizer>, front: any Outbox<SchedulerToFront>, logger: Logger,
        library: (any WeightLibrary)? = nil, compilation: GrammarCompilation? = nil,
        wake: @escaping @Sendable () -> Void = {}
    ) {
        self.init(
            configuration: configuration, worker: worker, inbox: inbox, detokenizer: detokenizer, front: front,
            logger: logger, weightJobs: library.map { WeightJobs($0, wake: wake) },
            grammarWorker: compilation.map { compile in
                GrammarWorker(seconds: configuration.grammarSeconds, wake: wake, compile: compile)
            }, wake: wake)
    }

    /// `clock` gives seconds that never step back; tests bring their own.
    init(
        configuration: SchedulerConfiguration, worker: any ModelWorker, inbox: any Inbox<FrontToScheduler>,
        detokenizer: any Outbox<SchedulerToDetokenizer>, front: any Outbox<SchedulerToFront>, logger: Logger,
        clock: @escaping () -> Double = Clocks.monotonic, weightJobs: WeightJobs?,
        grammarWorker: GrammarWorker? = nil, wake: @escaping @Sendable () -> Void = {}
    ) {
        self.configuration = configuration
        self.worker = worker
        self.inbox = inbox
        self.logger = logger
        self.clock = clock
        self.weightJobs = weightJobs
        self.grammarWorker = grammarWorker
        experts = ExpertDesk(worker.expertShape, configuration.experts, logger: logger, wake: wake)
        worker.record(experts: experts.recorder)
        generations = Generations(configuration)
        outputs = Outputs(detokenizer)
        self.front = FrontLine(front, logger: logger)
        limits = Limits(
            configuration, slotCount: worker.slotCount, modelContextLength: worker.contextLength)
        intake = Intake(
            configuration, limits: limits, vocabularySize: worker.vocabularySize, hiddenSize: worker.hiddenSize,
            workerEndTokenIDs: worker.endTokenIDs)
        cache = KVCache(
            slotCount: worker.slotCount, pageSize: configuration.pageSize, isDisabled: configuration.disableRadixCache)
        ledger = Ledger(configuration)
        order = QueueOrder(configuration)
        ratio = NewTokenRatio(configuration)
        budget = PrefillBudget(
            chunk: configuration.chunkedPrefillSize, stall: configuration.mixedStallSeconds,
            longest: configuration.longestStepSeconds)
        seeds = SplitMix64(seed: configuration.randomSeed)
        pulse = Pulse(epoch: configuration.epoch, processID: configuration.processID)
        now = clock()
        log = BatchLog(interval: configuration.decodeLogInterval, now: now)
        outputs.greet(epoch: configuration.epoch)
    }

    /// Nothing runs and nothing waits.
    package var isIdle: Bool { hasNoRows && grammars.isEmpty }

    /// A step would be empty.
    private var hasNoRows: Bool {
        queue.isEmpty && prefilling == nil && !decoding.requests.contains { $0.phase == .decoding }
    }

    /// Serves until `isOver`, which is asked between steps, and at least every `heartbeatInterval` while idle.
    package func run(until isOver: () -> Bool) {
        // Whoever loads weights must not stand for ever.
        defer { weightJobs?.gate.open() }
        announce()
        outputs.flush()
        while !isOver() {
            step(patience: patience)
        }
    }

    /// One turn of the loop; waits up to `patience` seconds for a message first.
    package func step(patience: Double = 0) {
        let start = clock()
        // Whoever loads weights has the processors while nothing is computed.
        if patience > 0 { weightJobs?.gate.open() }
        receive(patience: patience)
        let received = clock()
        expire()
        tendWeights()
        tendGrammars()
        for (call, reply) in experts.poll() { answer(call, reply) }
        schedule()
        let scheduled = clock()
        let onModel = forward()
        let computed = clock()
        reply()
        let end = clock()
        statistics.stages.add(
            waiting: patience > 0, start: start, received: received, scheduled: scheduled, computed: computed,
            end: end, onModel: onModel)
        lendToLoader(after: onModel > 0 ? end - start : 0)
    }

    /// How long there is nothing to do unless a message comes.
    private var patience: Double {
        guard hasNoRows || isHeld else { return 0 }
        let isBehind = outputs.hasBacklog || front.hasBacklog
        return isBehind ? 0.005 : configuration.heartbeatInterval
    }

    /// For the front, at the start of either side.
    package var ready: SchedulerReady {
        SchedulerReady(
            schedulerEpoch: configuration.epoch, processID: configuration.processID, maxTotalTokens: limits.capacity,
            maxRequestInputLength: limits.longestInput, maxRunningRequests: limits.maxRunningRequests,
            contextLength: limits.contextLength, vocabularySize: worker.vocabularySize,
            endTokenIDs: worker.endTokenIDs, weightVersion: generations.label,
            details: configuration.readyDetails, modelPath: generations.path, isPaused: isHeld)
    }
}
