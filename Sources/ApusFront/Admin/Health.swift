import ApusCore
import ApusWire
import Hummingbird

/// `/health`, `/health_generate`, `/ready`, `/ping`: 200 or 503, without a body once the server has started.
///
/// `/health` asks whether the processes live, and says so at once while they were heard of just now; `/health_generate`
/// always has a request noticed by the scheduler; `/ready` asks whether traffic should come here.
struct HealthRoutes: Sendable {
    let service: FrontService

    /// Seconds between two looks.
    private static let poll = 0.02

    func add(to table: inout RouteTable) {
        table.add("/health", methods: [.get], about: RouteDocument("Whether the processes live", answer: .nothing)) {
            _ throws(FrontError) in
            try await answer(isHealthy(generates: service.configuration.healthGenerates, isAsked: false))
        }
        table.add(
            "/health_generate", methods: [.get], about: RouteDocument("Whether tokens can come", answer: .nothing)
        ) { _ throws(FrontError) in
            try await answer(isHealthy(generates: true, isAsked: true))
        }
        // A paused server lives, and should get no traffic.
        table.add("/ready", methods: [.get], about: RouteDocument("Whether to send traffic", answer: .nothing)) {
            _ throws(FrontError) in
            try answer(service.isReady && service.monitor.ring.ready?.isPaused == false)
        }
        table.add("/ping", methods: [.get], about: RouteDocument("Whether it is up", answer: .nothing)) {
            _ throws(FrontError) in try answer(service.isReady)
        }
    }

    private func answer(_ isGood: Bool) throws(FrontError) -> Response {
        if !isGood, !service.isDraining, let startUp = service.startUp { throw .unavailable(startUp) }
        return .empty(isGood ? .ok : .serviceUnavailable)
    }

    /// Whether tokens can come: both other processes must show that they live. A busy scheduler shows it by what it does
    /// anyway, an idle one by noticing a request made for that. `isAsked`: what was seen before does not count.
    private func isHealthy(generates: Bool, isAsked: Bool) async -> Bool {
        guard service.isReady, let scheduler = service.monitor.ring.ready else { return false }
        guard generates else { return true }
        let patience = service.configuration.healthTimeout
        let deadline = Clocks.monotonic() + patience
        let isKnown =
            !isAsked && service.monitor.ring.isSchedulerAlive(now: Clocks.monotonic(), stepPatience: patience)
        var isAlive = isKnown
        if !isKnown { isAlive = await showsLife(scheduler, until: deadline) }
        while isAlive, !service.monitor.ring.isDetokenizerAlive(now: Clocks.monotonic()) {
            isAlive = Clocks.monotonic() < deadline
            try? await Task.sleep(for: .seconds(Self.poll))
        }
        service.setUnhealthy(!isAlive)
        return isAlive
    }

    /// A sign of life that follows a request for one. Silence is waited for less long than a step: the heartbeats of a
    /// process that lives do not stop.
    private func showsLife(_ scheduler: SchedulerReady, until deadline: Double) async -> Bool {
        let rid = "HEALTH_CHECK_\(RequestID.random())"
        var sampling = SamplingParameters()
        sampling.maxNewTokens = 1
        sampling.topK = 1
        let check = GenerateRequest(
            rid: rid, schedulerEpoch: scheduler.schedulerEpoch, inputIDs: [0], sampling: sampling,
            isHealthCheck: true)
        defer { service.ring.post(.release(rids: [rid])) }
        var isSent = false
        while true {
            let now = Clocks.monotonic()
            guard let silence = service.monitor.ring.schedulerSilence(now: now) else { return false }
            // The first look is granted to a scheduler of any silence.
            let wait = min(deadline - now, isSent ? RingState.schedulerPause - silence : 1)
            guard wait > 0 else { return false }
            let isSeen = await service.monitor.signOfLife(within: wait) {
                if !isSent { service.ring.post(.generate(check)) }
            }
            if isSeen { return true }
            isSent = true
        }
    }
}
