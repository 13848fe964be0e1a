import ApusCore
import ApusJSON
import ApusWire
import Logging
import ServiceLifecycle
import Synchronization
import Testing

@testable import ApusFront

/// A front as a service: warm-up, draining, failure.
@Suite struct LifeTests {
    private func front(
        _ ring: FakeRing, configure: (inout FrontConfiguration) -> Void = { _ in },
        connect: (@Sendable (WakeSignal) throws -> RingEnds)? = nil, onUp: @escaping @Sendable () -> Void = {}
    ) throws -> Front {
        var configuration = FrontConfiguration(modelPath: "m")
        configuration.place = .address(host: "127.0.0.1", port: 0)
        configuration.drainTimeout = 5
        configure(&configuration)
        var logger = Logger(label: "front")
        logger.logLevel = .critical
        return Front(
            configuration: configuration, codec: ByteCodec(), logger: logger, wake: try WakeSignal(),
            connect: connect ?? { ring.connect($0) }, onUp: onUp)
    }

    private func group(_ front: Front) -> ServiceGroup {
        var logger = Logger(label: "group")
        logger.logLevel = .critical
        return ServiceGroup(configuration: ServiceGroupConfiguration(services: [front], logger: logger))
    }

    @Test func theWarmUpRunsOneRequestAndTheDrainWaitsForTheOthers() async throws {
        let ring = try FakeRing()
        let ups = Count()
        let front = try front(ring, onUp: { ups.value.withLock { $0 += 1 } })
        let group = group(front)
        let running = Task { try await group.run() }
        #expect(!front.service.isReady)
        ring.start()
        #expect(await ring.waits { _ in front.service.isReady })
        #expect(await ring.waits { _ in ups.value.withLock { $0 } == 1 })
        #expect(ring.requests.count == 1)
        #expect(ring.requests[0].sampling.maxNewTokens == 8)
        #expect(ring.requests[0].sampling.isGreedy)

        // A request in flight outlives the signal, and ends the drain with its own end.
        let box = Mailbox(count: 1)
        let id = try front.service.board.open(["r"], into: box, areChosen: true)[0]
        let request = GenerateRequest(rid: id, schedulerEpoch: 1, inputIDs: [97])
        ring.setScript(FakeRing.silence)
        try front.service.board.dispatch(request)
        await group.triggerGracefulShutdown()
        #expect(await ring.waits { _ in front.service.isDraining })
        #expect(!front.service.isReady)
        ring.say(.detokenizer(.deltas([FakeRing.delta(request, 0..<1, finish: .length(1))])))
        #expect(try await box.next()?.update.text == "a")
        try await running.value
        ring.stop()
    }

    @Test func whatDoesNotEndIsEndedByTheDeadline() async throws {
        let ring = try FakeRing()
        let front = try front(ring) { $0.drainTimeout = 0.1 }
        let group = group(front)
        let running = Task { try await group.run() }
        ring.start()
        #expect(await ring.waits { _ in front.service.isReady })
        let box = Mailbox(count: 1)
        _ = try front.service.board.open(["r"], into: box, areChosen: true)
        await group.triggerGracefulShutdown()
        await #expect(throws: FrontError.unavailable("The server is shutting down.")) { try await box.next() }
        try await running.value
        ring.stop()
    }

    @Test func aSignalWhileTheModelLoads() async throws {
        let ring = try FakeRing()
        let group = group(try front(ring))
        let running = Task { try await group.run() }
        ring.start(isReady: false)
        #expect(await ring.waits { !$0.received.isEmpty })
        await group.triggerGracefulShutdown()
        try await running.value
        ring.stop()
    }

    @Test func aFailedWarmUpEndsTheServer() async throws {
        let ring = try FakeRing { request, ring in
            ring.say(.scheduler(.ended([EndedRequest(rid: request.rid, finish: .refused("no", status: 500))])))
        }
        let group = group(try front(ring))
        ring.start()
        await #expect(throws: (any Error).self) { try await group.run() }
        ring.stop()
    }

    @Test func aRingThatCannotBeMadeEndsTheServer() async throws {
        let ring = try FakeRing()
        let front = try front(ring, connect: { _ in throw WireError.inUse("front.sock") })
        await #expect(throws: (any Error).self) { try await group(front).run() }
    }

    @Test func badPreferencesEndTheServer() async throws {
        let ring = try FakeRing()
        for preferred in [["topp": 1], ["temperature": "x"], ["top_p": 2]] as [JSONObject] {
            let front = try front(ring) { $0.preferredSamplingParameters = preferred }
            await #expect(throws: (any Error).self) { try await group(front).run() }
        }
    }
}

private final class Count: Sendable {
    let value = Mutex(0)
}
