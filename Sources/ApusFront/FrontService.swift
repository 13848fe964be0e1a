import ApusCore
import ApusJSON
import ApusWire
import Hummingbird
import Logging
import Synchronization

/// What the handlers share: the ring, the workers, the state of the server.
final class FrontService: Sendable {
    private struct Condition {
        /// The warm-up succeeded once.
        var isUp = false
        /// Monotonic seconds at which the end was asked for.
        var drainingSince: Double?
        /// The last health check got no sign of life.
        var isUnhealthy = false
    }

    let configuration: FrontConfiguration
    let codec: any PromptCodec
    let logger: Logger
    let ring: RingThread
    let board: ReplyBoard
    let monitor: RingMonitor
    let work = WorkPool()
    let bodies: BodyReader
    let grammars: GrammarDesk
    let observer: RequestObserver
    let connections: Connections
    let sessions = SessionTable()
    let settings: LiveSettings
    /// Seconds of the Unix clock.
    let startedAt = Clocks.unix()
    private let condition = Mutex(Condition())

    init(configuration: FrontConfiguration, codec: any PromptCodec, wake: WakeSignal, logger: Logger) {
        self.configuration = configuration
        grammars = GrammarDesk(patience: configuration.grammarPatience)
        self.codec = codec
        self.logger = logger
        settings = LiveSettings(configuration.access)
        let ring = RingThread(wake: wake)
        let observer = RequestObserver(configuration, logger: logger)
        let connections = Connections()
        let board = ReplyBoard(
            limit: configuration.maximumInFlight, observer: observer, together: connections.executors.together
        ) { ring.post($0) }
        self.connections = connections
        self.observer = observer
        self.ring = ring
        self.board = board
        monitor = RingMonitor(
            limits: RingState.Limits(
                schedulerPatience: configuration.schedulerPatience,
                detokenizerPatience: configuration.detokenizerPatience),
            act: { Self.act($0, ring, board, logger) },
            onIdle: { since, now in board.sweep(idleSince: since, now: now) })
        bodies = BodyReader(
            limit: configuration.bodyLimit, budget: configuration.bodyBudget, timeout: configuration.bodyTimeout)
    }

    private static func act(_ action: RingState.Action, _ ring: RingThread, _ board: ReplyBoard, _ logger: Logger) {
        switch action {
        case .failRequests(let epoch):
            logger.error("The scheduler ended; its requests are answered with 503.")
            board.fail(epoch: epoch, .unavailable("The scheduler ended while it served this request; try again."))
        case .failAllRequests:
            logger.error("No detokenizer came back in time; all requests are answered with 503.")
            board.failEverything(.unavailable("The detokenizer is not available; try again later."))
        case .tellDetokenizerStarted(let epoch): ring.post(.detokenizerStarted(epoch: epoch))
        case .greetScheduler: ring.greet()
        }
    }

    // MARK: Condition

    var isUp: Bool { condition.withLock { $0.isUp } }
    var isDraining: Bool { condition.withLock { $0.drainingSince != nil } }
    /// It is over soon, and balancers know it.
    private var refusesWork: Bool {
        guard let since = condition.withLock({ $0.drainingSince }) else { return false }
        return Clocks.monotonic() - since > configuration.drainGrace
    }
    var isUnhealthy: Bool { condition.withLock { $0.isUnhealthy } }
    /// Traffic should come here.
    var isReady: Bool { condition.withLock { $0.isUp && $0.drainingSince == nil } && monitor.ring.ready != nil }

    func setUp() { condition.withLock { $0.isUp = true } }
    func setDraining() { condition.withLock { $0.drainingSince = $0.drainingSince ?? Clocks.monotonic() } }
    func setUnhealthy(_ isUnhealthy: Bool) { condition.withLock { $0.isUnhealthy = isUnhealthy } }

    /// The scheduler that takes requests now.
    func scheduler() throws(FrontError) -> SchedulerReady {
        let state = monitor.ring
        guard !refusesWork else { throw .unavailable("The server is shutting down.") }
        guard let ready = state.ready else { throw .unavailable(Self.absence(state.phase)) }
        guard state.canDetokenize else { throw .unavailable("The detokenizer is not available; try again later.") }
        return ready
    }

    /// Why there is no scheduler to be had.
    private static func absence(_ phase: RingState.SchedulerPhase) -> String {
        switch phase {
        case .absent: "The scheduler is starting; try again later."
        case .loading(let share):
            "The model is being loaded (\(Int((share * 100).rounded(.down)))%); try again later."
        case .ready, .lost: "The scheduler is not running; try again later."
        }
    }

    /// How far the start has come; nil: it is done.
    var startUp: String? {
        guard !isUp else { return nil }
        let ring = monitor.ring
        return ring.ready == nil ? Self.absence(ring.phase) : "The server is warming up; try again later."
    }

    func scope(of request: FrontRequest) -> RequestScope {
        RequestScope(board, connections.state(of: request.channel), request.call)
    }
}
