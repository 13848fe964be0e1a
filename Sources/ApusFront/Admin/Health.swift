import ApusCore
import ApusWire
import Hummingbird

/// `/health`, `/health_generate`, `/ready`, `/ping`: empty bodies, 200 or 503.
struct HealthRoutes: Sendable {
    let service: FrontService

    private static let detokenizerPoll = Duration.milliseconds(20)

    func add(to table: inout RouteTable) {
        table.add("/health", methods: [.get], about: RouteDocument("Whether tokens can come", answer: .nothing)) {
            _ throws(FrontError) in
            await answer(isHealthy(generates: service.configuration.healthGenerates))
        }
        table.add(
            "/health_generate", methods: [.get], about: RouteDocument("Whether tokens can come", answer: .nothing)
        ) { _ throws(FrontError) in
            await answer(isHealthy(generates: true))
        }
        // A paused server lives, and should get no traffic.
        table.add("/ready", methods: [.get], about: RouteDocument("Whether to send traffic", answer: .nothing)) {
            _ throws(FrontError) in
            answer(service.isReady && service.monitor.ring.ready?.isPaused == false)
        }
        table.add("/ping", methods: [.get], about: RouteDocument("Whether it is up", answer: .nothing)) {
            _ throws(FrontError) in answer(service.isReady)
        }
    }

    private func answer(_ isGood: Bool) -> Response { .empty(isGood ? .ok : .serviceUnavailable) }

    /// Whether tokens can come: both other processes must show that they live. A busy scheduler shows it by what it does
    /// anyway, an idle one by noticing a request made for that.
    private func isHealthy(generates: Bool) async -> Bool {
        guard service.isReady, let scheduler = service.monitor.ring.ready else { return false }
        guard generates else { return true }
        let deadline = Clocks.monotonic() + service.configuration.healthTimeout
        let rid = "HEALTH_CHECK_\(RequestID.random())"
        var sampling = SamplingParameters()
        sampling.maxNewTokens = 1
        sampling.topK = 1
        let check = GenerateRequest(
            rid: rid, schedulerEpoch: scheduler.schedulerEpoch, inputIDs: [0], sampling: sampling,
            isHealthCheck: true)
        var isAlive = await service.monitor.signOfLife(within: service.configuration.healthTimeout) {
            service.ring.post(.generate(check))
        }
        service.ring.post(.release(rids: [rid]))
        while isAlive, !service.monitor.ring.isDetokenizerAlive(now: Clocks.monotonic()) {
            isAlive = Clocks.monotonic() < deadline
            try? await Task.sleep(for: Self.detokenizerPoll)
        }
        service.setUnhealthy(!isAlive)
        return isAlive
    }
}
