import ApusCore
package import ApusEngine
import ApusJSON
import ApusObserve
package import ApusWire
package import Logging

/// Serves a model that makes vectors: one blocking loop on one thread, the counterpart of `Scheduler`.
///
/// A step takes whole texts in the order of arrival up to a budget of tokens; their vectors go straight to the front.
/// Every request has exactly one ending: `SchedulerToFront.ended` if it never ran, else its place in `embeddings`.
package final class EmbeddingScheduler {
    package let configuration: SchedulerConfiguration
    package let limits: Limits
    /// For `HeartbeatThread`.
    package let pulse: Pulse

    let worker: any EmbeddingWorker
    private let inbox: any Inbox<FrontToScheduler>
    let front: FrontLine
    let logger: Logger
    let clock: () -> Double
    private let budget: Int

    var queue = EmbeddingQueue()
    private var batch = EmbeddingBatch()
    private var ended: [EndedRequest] = []
    private var healthChecks: [String] = []
    private let experts: ExpertDesk
    var generations: Generations
    var weightWork = WeightWork()
    /// nil: the worker's weights cannot be replaced.
    let weightJobs: WeightJobs?
    /// Why there are no weights at all; nil: there are, or will be.
    var weightsLost: String?
    /// Told where the weights come from and what they are called, whenever that changes.
    package var onWeights: ((_ path: String?, _ format: String?, _ label: String) -> Void)?
    /// What the front was told last.
    private(set) var announced: SchedulerReady?
    private var flush = Flush()
    private var frontEpoch: UInt64?
    private var statistics = Statistics()
    private var figures = SchedulerFigures()
    private var nextHeartbeat = 0.0
    private var wasBusy = false

    /// Messages handled between two steps at most.
    private static let messagesPerStep = 4096
    /// Numbers of all vectors of one message.
    private static let numbersPerMessage = 1 << 20

    /// `library` is what may take the model's place; nil: nothing. `wake` ends a wait of the inbox, from any thread.
    package convenience init(
        configuration: SchedulerConfiguration, worker: any EmbeddingWorker, inbox: any Inbox<FrontToScheduler>,
        front: any Outbox<SchedulerToFront>, logger: Logger, library: (any WeightLibrary)? = nil,
        wake: @escaping @Sendable () -> Void = {}
    ) {
        self.init(
            configuration: configuration, worker: worker, inbox: inbox, front: front, logger: logger,
            weightJobs: library.map { WeightJobs($0, wake: wake) }, wake: wake)
    }

    /// `clock` gives seconds that never step back; tests bring their own.
    init(
        configuration: SchedulerConfiguration, worker: any EmbeddingWorker, inbox: any Inbox<FrontToScheduler>,
        front: any Outbox<SchedulerToFront>, logger: Logger, clock: @escaping () -> Double = Clocks.monotonic,
        weightJobs: WeightJobs?, wake: @escaping @Sendable () -> Void = {}
    ) {
        self.configuration = configuration
        self.worker = worker
        self.inbox = inbox
        self.front = FrontLine(front, logger: logger)
        self.logger = logger
        self.clock = clock
        experts = ExpertDesk(worker.expertShape, configuration.experts, logger: logger, wake: wake)
        worker.record(experts: experts.recorder)
        self.weightJobs = weightJobs
        generations = Generations(configuration)
        limits = Limits(
            configuration, slotCount: worker.tokenCapacity, modelContextLength: worker.contextLength)
        budget = min(configuration.chunkedPrefillSize ?? configuration.maxPrefillTokens, limits.capacity)
        pulse = Pulse(epoch: configuration.epoch, processID: configuration.processID)
        announced = ready
    }

    package var isIdle: Bool { queue.isEmpty }

    /// Serves until `isOver`, which is asked between steps, and at least every `heartbeatInterval` while idle.
    package func run(until isOver: () -> Bool) {
        greet()
        while !isOver() {
            step(patience: patience)
        }
    }

    /// One turn of the loop; waits up to `patience` seconds for a message first.
    package func step(patience: Double = 0) {
        let start = clock()
        receive(patience: patience)
        let received = clock()
        expire()
        for (call, reply) in experts.poll() { answer(call, reply) }
        tendWeights()
        if !isHolding { queue.bind(to: generations.current) }
        let scheduled = clock()
        let onModel = embed()
        let computed = clock()
        reply()
        statistics.stages.add(
            waiting: patience > 0, start: start, received: received, scheduled: scheduled, computed: computed,
            end: clock(), onModel: onModel)
    }

    /// A front that takes nothing is waited for: what it has not taken must not grow.
    private var patience: Double {
        if front.hasBacklog { return 0.005 }
        return queue.isReady ? 0 : configuration.heartbeatInterval
    }

    /// Tells the front of the model.
    func greet() {
        announced = ready
        front.send(.ready(ready))
    }

    package var ready: SchedulerReady {
        SchedulerReady(
            schedulerEpoch: configuration.epoch, processID: configuration.processID, maxTotalTokens: limits.capacity,
            maxRequestInputLength: limits.longestInput, maxRunningRequests: limits.maxRunningRequests,
            contextLength: limits.contextLength, vocabularySize: worker.vocabularySize, endTokenIDs: [],
            weightVersion: generations.label, details: configuration.readyDetails,
            modelPath: generations.path)
    }

    // MARK: - Receive

    private func receive(patience: Double) {
        var message = inbox.receive(timeout: patience)
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
        case .hello(let epoch):
            if frontEpoch != epoch {
                frontEpoch = epoch
                queue.removeAll()
                ended.removeAll()
                healthChecks.removeAll()
                front.discardBacklog()
                weightWork.forgetCallers()
            }
            greet()
        case .embed(let request): accept(request)
        case .generate(let request):
            guard request.schedulerEpoch == configuration.epoch else { break }
            guard !request.isHealthCheck else { return healthChecks.append(request.rid) }
            end(request.rid, .refused(Self.generationMessage, status: 400))
        case .abort(.request(let rid)): abort(queue.remove([rid]))
        case .abort(.everything): abort(queue.removeAll())
        case .release(let rids): queue.remove(Set(rids))
        case .detokenizerStarted, .resend: break
        case .flushCache(let call, let timeout):
            if let outcome = flush.begin(call: call, timeout: timeout, isIdle: isIdle, now: clock()) {
                front.send(.flushed(call: call, outcome: outcome))
            }
        case .state(let call):
            renewFigures()
            front.send(.state(call: call, state))
        case .control(let call, let control): operate(control, call: call)
        }
    }

    private func operate(_ control: ControlCall, call: UInt64) {
        switch control {
        case .configureLogging(let settings):
            ProcessLog.configure(level: settings.level, logsRequests: settings.logsRequests)
            answer(call, .done(message: ""))
        case .recordExperts(let action):
            if let reply = experts.operate(action, call: call) { answer(call, reply) }
        case .readWeights(let name, let rowCount): answer(call, readWeights(name, rowCount))
        case .updateWeights, .nameWeights:
            if !weightWork.add(control, call: call) { answer(call, WeightWork.refusal) }
        case .pause, .proceed, .releaseMemory, .resumeMemory:
            answer(call, .failed(message: "Embedding servers do not support this operation."))
        }
    }

    private static let generationMessage = "This model is an embedding model and does not generate text."

    private func accept(_ request: EmbedRequest) {
        guard request.schedulerEpoch == configuration.epoch else { return }
        if queue.contains(request.rid) {
            return end(request.rid, .refused("Duplicate request ID detected: \(request.rid)", status: 400))
        }
        do throws(Intake.Refusal) {
            if let weightsLost { throw Intake.Refusal("\(weightsLost).", status: 503) }
            let admitted = try admit(request)
            guard queue.count < configuration.maxQueuedRequests ?? .max else {
                throw Intake.Refusal("The request queue is full.", status: 503)
            }
            queue.append(admitted, at: clock())
            log("request queued", admitted)
        } catch {
            end(request.rid, error.reason)
        }
    }

    /// The request as it will run. An id outside the vocabulary would read beside a table.
    private func admit(_ request: EmbedRequest) throws(Intake.Refusal) -> EmbedRequest {
        var request = request
        guard !request.inputIDs.isEmpty else { throw Intake.Refusal("input_ids cannot be empty.") }
        for id in request.inputIDs where id < 0 || id >= worker.vocabularySize {
            throw Intake.Refusal("input_ids must be in [0, \(worker.vocabularySize)), got \(id).")
        }
        for type in request.tokenTypes where type < 0 || type >= worker.typeCount {
            throw Intake.Refusal("token types must be in [0, \(worker.typeCount)), got \(type).")
        }
        guard request.tokenTypes.isEmpty || request.tokenTypes.count == request.inputIDs.count,
            request.dimensions ?? 1 > 0
        else { throw Intake.Refusal("token types or dimensions do not fit the text.") }
        let count = request.inputIDs.count
        if request.mayFillContext && count <= min(limits.contextLength, limits.capacity) { return request }
        guard count >= limits.longestInput else { return request }
        guard configuration.allowAutoTruncate && limits.longestInput > 0 else {
            throw Intake.Refusal(
                "Input length (\(count) tokens) exceeds the maximum allowed length (\(limits.longestInput) tokens). "
                    + "Use a shorter input or enable --allow-auto-truncate.")
        }
        request.inputIDs = Array(request.inputIDs.prefix(limits.longestInput))
        request.tokenTypes = Array(request.tokenTypes.prefix(limits.longestInput))
        return request
    }

    func end(_ rid: String, _ reason: FinishReason) {
        ended.append(EndedRequest(rid: rid, finish: reason))
    }

    private func abort(_ requests: [EmbedRequest]) {
        for request in requests {
            end(request.rid, .abort(message: "Abort in waiting queue", status: nil, kind: nil))
        }
    }

    private func expire() {
        guard let limit = configuration.waitingTimeout else { return }
        for request in queue.removeOlder(than: clock() - limit) {
            end(request.rid, .refused("Request waiting timeout reached.", status: 503))
        }
    }

    // MARK: - Embed

    /// Runs the texts whose turn it is, unless earlier vectors still wait for room on the way to the front; returns the
    /// seconds that the model took.
    private func embed() -> Double {
        guard queue.isReady, !front.hasBacklog else { return 0 }
        let requests = queue.take(
            tokens: budget, count: min(limits.maxRunningRequests, configuration.prefillMaxRequests ?? .max))
        batch.removeAll()
        let generation = requests[0].generation ?? generations.current
        batch.generation = generation
        for request in requests.lazy.map(\.request) {
            batch.append(request.inputIDs, types: request.tokenTypes, dimensions: request.dimensions)
        }
        publish(isBusy: true)
        let start = clock()
        let entry = Clocks.unix()
        let vectors: [[Float]]
        do {
            vectors = try worker.embed(batch)
        } catch {
            logger.error("a step failed and ends its \(requests.count) requests: \(error)")
            for request in requests.lazy.map(\.request) {
                end(request.rid, .refused("The model could not run: \(error)", status: 500))
            }
            return clock() - start
        }
        precondition(vectors.count == requests.count, "the worker owes one vector a text")
        let seconds = clock() - start
        statistics.noteVectors(tokens: batch.tokens.count, seconds: seconds)
        send(
            requests, vectors, version: generations.label(of: generation), entry: entry,
            finished: Clocks.unix())
        logger.info(
            """
            Prefill batch, #new-seq: \(requests.count), #new-token: \(batch.tokens.count), #cached-token: 0, \
            token usage: 0.00, #running-req: 0, #queue-req: \(queue.count)
            """)
        return seconds
    }

    /// `entry` and `finished`: Unix seconds at which the step began and ended.
    private func send(
        _ requests: [EmbeddingQueue.Entry], _ vectors: [[Float]], version: String, entry: Double, finished: Double
    ) {
        var replies: [EmbeddingReply] = []
        var numbers = 0
        func flush() {
            if !replies.isEmpty { front.send(.embeddings(replies)) }
            replies.removeAll()
            numbers = 0
        }
        for (item, vector) in zip(requests, vectors) {
            let request = item.request
            var timing = Timing()
            (timing.queued, timing.forwardEntry) = (item.queuedAt, entry)
            (timing.prefillFinished, timing.finished) = (finished, finished)
            guard vector.allSatisfy(\.isFinite) else {
                end(request.rid, .refused("The model's output holds no numbers for this text.", status: 500))
                continue
            }
            replies.append(
                EmbeddingReply(
                    rid: request.rid, vector: vector, promptTokens: request.inputIDs.count, timing: timing,
                    weightVersion: version))
            log("request finished", request)
            numbers += vector.count
            if numbers >= Self.numbersPerMessage { flush() }
        }
        flush()
    }

    // MARK: - Reply

    private func reply() {
        if !ended.isEmpty {
            front.send(.ended(ended))
            ended.removeAll(keepingCapacity: true)
        }
        front.flush()
        for rid in healthChecks { front.send(.healthy(rid: rid)) }
        healthChecks.removeAll(keepingCapacity: true)
        let isBusy = !isIdle
        if let (call, outcome) = flush.poll(isIdle: !isBusy, now: clock()) {
            front.send(.flushed(call: call, outcome: outcome))
        }
        publish(isBusy: isBusy)
        let now = clock()
        if now >= nextHeartbeat { renewFigures() }
        if isBusy != wasBusy || now >= nextHeartbeat, front.offer(.heartbeat(heartbeat(isBusy: isBusy), load: load)) {
            nextHeartbeat = now + configuration.heartbeatInterval
            pulse.update { $0.reportedAt = now }
        }
        wasBusy = isBusy
    }

    private func publish(isBusy: Bool) {
        pulse.update { reading in
            reading.heartbeat = heartbeat(isBusy: isBusy)
            reading.load = load
        }
    }

    private func heartbeat(isBusy: Bool) -> Heartbeat {
        Heartbeat(
            epoch: configuration.epoch, processID: configuration.processID,
            progress: UInt64(statistics.steps + statistics.messages), isBusy: isBusy)
    }

    private var load: SchedulerLoad {
        SchedulerLoad(
            running: 0, queued: queue.count, freeTokens: limits.capacity, cachedTokens: 0, heldTokens: 0,
            generationThroughput: 0, figures: figures)
    }

    private func renewFigures() {
        var new = SchedulerFigures()
        statistics.fill(&new)
        new.waitingTokens = queue.tokenCount
        fillWeights(&new)
        new.process = .current()
        figures = new
    }

    private func log(_ text: String, _ request: EmbedRequest) {
        logger.log(
            level: ProcessLog.requestLevel, "\(text)", metadata: Scheduler.metadata(request.rid, request.origin))
    }

    private var state: SchedulerState {
        let details: JSONValue = [
            "last_gen_throughput": 0.0,
            "effective_max_running_requests_per_dp": .integer(Int64(limits.maxRunningRequests)),
            "token_capacity": .integer(Int64(limits.capacity)),
            "steps": .integer(Int64(statistics.steps)),
            "prefilled_tokens": .integer(Int64(statistics.prefilledTokens)),
            "weight_version": .string(generations.label),
            "weight_update": weightWork.json,
            "resident_weights": .integer(Int64(generations.resident.count)),
        ]
        return SchedulerState(load: load, details: details.description)
    }
}
