import ApusWire

/// What the front knows of the other two processes: a plain state machine, told of messages and of time (monotonic seconds).
struct RingState: Sendable {
    enum SchedulerPhase: Sendable {
        /// None has been heard of yet.
        case absent
        case loading(share: Double)
        case ready(SchedulerReady)
        /// It ended or fell silent; another one may come.
        case lost
    }

    /// What is to be done about an event.
    enum Action: Sendable, Equatable {
        /// The scheduler of this epoch is gone with all its requests.
        case failRequests(schedulerEpoch: UInt64)
        /// No detokenizer came back in time.
        case failAllRequests
        case tellDetokenizerStarted(epoch: UInt64)
        /// A scheduler is there that we have no facts of.
        case greetScheduler
    }

    struct Limits: Sendable {
        /// Seconds of silence, or of standing still while busy, after which a scheduler counts as lost.
        var schedulerPatience: Double
        /// Seconds that streams wait for a detokenizer to come back.
        var detokenizerPatience: Double
    }

    private struct Scheduler {
        var epoch: UInt64
        var processID: Int32
        var lastHeard: Double
        var progress: UInt64 = 0
        var progressedAt: Double
        var isBusy = false
    }

    private struct Detokenizer {
        var epoch: UInt64
        var processID: Int32
        var lastHeard: Double
        /// When its end was noticed.
        var lostAt: Double?
        var hasGivenUp = false
    }

    let limits: Limits
    private(set) var phase = SchedulerPhase.absent
    private(set) var load: SchedulerLoad?
    private(set) var detokenizerFigures: DetokenizerFigures?
    /// The last message was more than word of a scheduler that stands still.
    private(set) var lastShowedProgress = false
    private var scheduler: Scheduler?
    private var detokenizer: Detokenizer?
    private var greetedAt = -Double.infinity
    /// Since when the scheduler has nothing to do, by its own word; nil: it has.
    private(set) var idleSince: Double?

    /// A detokenizer that was silent for so long is not counted on by health checks: four of its heartbeats.
    static let detokenizerSilence = 2.0
    /// The same of a scheduler, and the seconds after which its silence is no slowness any more.
    static let schedulerSilence = 2.0
    static let schedulerPause = 5.0

    init(limits: Limits) {
        self.limits = limits
    }

    var ready: SchedulerReady? {
        if case .ready(let ready) = phase { ready } else { nil }
    }

    /// The processes to be watched; nil: none.
    var schedulerProcess: Int32? { scheduler?.processID }
    var detokenizerProcess: Int32? { detokenizer?.lostAt == nil ? detokenizer?.processID : nil }

    /// Seconds since the scheduler was heard of; nil: there is none that takes requests.
    func schedulerSilence(now: Double) -> Double? {
        ready == nil ? nil : scheduler.map { now - $0.lastHeard }
    }

    /// Tokens can be expected: it was heard of just now, and gets on with its work. `stepPatience`: seconds that a step
    /// may take.
    func isSchedulerAlive(now: Double, stepPatience: Double = 20) -> Bool {
        guard let scheduler, let silence = schedulerSilence(now: now) else { return false }
        return silence < Self.schedulerSilence && !(scheduler.isBusy && now - scheduler.progressedAt > stepPatience)
    }

    func isDetokenizerAlive(now: Double) -> Bool {
        guard let detokenizer, detokenizer.lostAt == nil else { return false }
        return now - detokenizer.lastHeard < Self.detokenizerSilence
    }

    /// Requests may be sent: tokens can become text, now or soon.
    var canDetokenize: Bool {
        guard let detokenizer else { return false }
        return !detokenizer.hasGivenUp
    }

    // MARK: Events

    mutating func note(_ message: SchedulerToFront, now: Double) -> [Action] {
        var actions: [Action] = []
        lastShowedProgress = true
        switch message {
        case .loading(let epoch, let processID, let share):
            actions += meet(epoch, processID, now)
            phase = .loading(share: share)
        case .ready(let ready):
            actions += meet(ready.schedulerEpoch, ready.processID, now)
            phase = .ready(ready)
        case .heartbeat(let beat, let load):
            actions += meet(beat.epoch, beat.processID, now)
            self.load = load
            lastShowedProgress = scheduler?.progress != beat.progress || !beat.isBusy
            if lastShowedProgress {
                scheduler?.progress = beat.progress
                scheduler?.progressedAt = now
            }
            scheduler?.isBusy = beat.isBusy
            idleSince = beat.isBusy || load.running + load.queued > 0 ? nil : idleSince ?? now
            switch phase {
            case .absent, .lost:
                if now - greetedAt > 1 {
                    greetedAt = now
                    actions.append(.greetScheduler)
                }
            case .loading, .ready: break
            }
        case .ended, .embeddings, .healthy, .flushed, .state, .controlled: break
        }
        scheduler?.lastHeard = now
        return actions
    }

    mutating func note(_ message: DetokenizerToFront, now: Double) -> [Action] {
        switch message {
        case .hello(let epoch, let processID):
            detokenizer = Detokenizer(epoch: epoch, processID: processID, lastHeard: now)
            return [.tellDetokenizerStarted(epoch: epoch)]
        case .heartbeat(let beat, let figures):
            detokenizerFigures = figures
            if detokenizer == nil || detokenizer?.epoch != beat.epoch {
                detokenizer = Detokenizer(epoch: beat.epoch, processID: beat.processID, lastHeard: now)
            }
        case .deltas, .gaps: break
        }
        detokenizer?.lastHeard = now
        if detokenizer?.lostAt != nil {
            detokenizer?.lostAt = nil
            detokenizer?.hasGivenUp = false
        }
        return []
    }

    mutating func schedulerExited() -> [Action] {
        guard let scheduler else { return [] }
        self.scheduler = nil
        idleSince = nil
        phase = .lost
        return [.failRequests(schedulerEpoch: scheduler.epoch)]
    }

    mutating func detokenizerExited(now: Double) {
        if detokenizer?.lostAt == nil { detokenizer?.lostAt = now }
    }

    mutating func tick(now: Double) -> [Action] {
        var actions: [Action] = []
        if let scheduler {
            let isSilent = now - scheduler.lastHeard > limits.schedulerPatience
            let isStuck = scheduler.isBusy && now - scheduler.progressedAt > limits.schedulerPatience
            if isSilent || isStuck { actions += schedulerExited() }
        }
        if let detokenizer, !detokenizer.hasGivenUp {
            let since = detokenizer.lostAt ?? detokenizer.lastHeard
            if now - since > limits.detokenizerPatience {
                self.detokenizer?.lostAt = since
                self.detokenizer?.hasGivenUp = true
                actions.append(.failAllRequests)
            }
        }
        return actions
    }

    private mutating func meet(_ epoch: UInt64, _ processID: Int32, _ now: Double) -> [Action] {
        if let scheduler, scheduler.epoch == epoch { return [] }
        let earlier = scheduler?.epoch
        scheduler = Scheduler(epoch: epoch, processID: processID, lastHeard: now, progressedAt: now)
        idleSince = nil
        if earlier != nil { phase = .lost }
        return earlier.map { [.failRequests(schedulerEpoch: $0)] } ?? []
    }
}
