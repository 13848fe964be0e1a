import ApusCore
import ApusJSON
import ApusWire
import HTTPTypes
import HummingbirdTesting
import Synchronization
import Testing

@testable import ApusFront

/// What the health routes say of the other processes.
@Suite struct HealthTests {
    /// Says what a living scheduler and detokenizer say, until told to stop.
    private final class Beats: Sendable {
        private let state: Mutex<(isBusy: Bool, progress: UInt64, rises: Bool, isOver: Bool)>
        private let thread = Mutex<NamedThread?>(nil)

        init(_ ring: FakeRing, isBusy: Bool, rises: Bool) {
            state = Mutex((isBusy, 0, rises, false))
            thread.withLock {
                $0 = NamedThread("beats") { [self] in
                    var clock = Clocks.monotonic()
                    while let beat = next() {
                        let load = SchedulerLoad(
                            running: 1, queued: 0, freeTokens: 0, cachedTokens: 0, heldTokens: 0,
                            generationThroughput: 0)
                        ring.say(.scheduler(.heartbeat(beat, load: load)))
                        ring.say(
                            .detokenizer(
                                .heartbeat(Heartbeat(epoch: 1, processID: 1, progress: 0, isBusy: false))))
                        clock += 0.02
                        while Clocks.monotonic() < clock {}
                    }
                }
            }
        }

        private func next() -> Heartbeat? {
            state.withLock { state in
                if state.isOver { return nil }
                if state.rises { state.progress += 1 }
                return Heartbeat(epoch: 1, processID: 1, progress: state.progress, isBusy: state.isBusy)
            }
        }

        func stop() {
            state.withLock { $0.isOver = true }
            thread.withLock { thread in
                thread?.join()
                thread = nil
            }
        }
    }

    private func check(
        _ server: TestServer, _ path: String, _ status: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let answer = try await server.get(path)
        #expect(answer.status == status, "\(path): \(answer.text)", sourceLocation: sourceLocation)
    }

    @Test func aBusySchedulerThatGetsOnIsHealthyAtOnce() async throws {
        try await withFront(configure: { $0.healthTimeout = 0.5 }) { server in
            server.ring.stop()
            let beats = Beats(server.ring, isBusy: true, rises: true)
            for _ in 0..<20 {
                try await check(server, "/health", 200)
                try await check(server, "/health_generate", 200)
                try await Task.sleep(for: .milliseconds(40))
            }
            // Each check was put to the scheduler only by the route that says so, or when nothing was heard.
            #expect(!server.front.service.isUnhealthy)
            beats.stop()
            server.ring.start()
        }
    }

    @Test func aStepThatNeverEndsIsNoHealth() async throws {
        try await withFront(configure: { $0.healthTimeout = 0.4 }) { server in
            server.ring.stop()
            let beats = Beats(server.ring, isBusy: true, rises: false)
            // The process lives: it says so. Its work does not get on.
            #expect(
                await server.ring.waits { _ in
                    !server.front.service.monitor.ring.isSchedulerAlive(now: Clocks.monotonic(), stepPatience: 0.4)
                })
            try await check(server, "/health", 503)
            try await check(server, "/health_generate", 503)
            #expect(server.front.service.isUnhealthy)
            try await check(server, "/ready", 200)
            beats.stop()
            let others = Beats(server.ring, isBusy: true, rises: true)
            try await check(server, "/health_generate", 200)
            try await check(server, "/health", 200)
            others.stop()
            server.ring.start()
        }
    }

    @Test func silenceIsNoHealth() async throws {
        try await withFront(configure: { $0.healthTimeout = 0.2 }) { server in
            server.ring.stop()
            try await check(server, "/health_generate", 503)
            #expect(server.front.service.isUnhealthy)
            server.ring.start()
            #expect(await server.ring.waits { $0.received.count > 0 })
            try await check(server, "/health_generate", 200)
            #expect(!server.front.service.isUnhealthy)
        }
    }

    @Test func theStartIsReported() async throws {
        try await withFront(isReady: false, isUp: false) { server in
            let generate: JSONValue = ["text": "a"]
            #expect(try await server.get("/health").text.contains("The scheduler is starting"))
            server.ring.say(.scheduler(.loading(schedulerEpoch: 1, processID: 1, share: 0.429)))
            #expect(
                await server.ring.waits { _ in
                    if case .loading = server.front.service.monitor.ring.phase { true } else { false }
                })
            for answer in [
                try await server.get("/health"), try await server.get("/health_generate"),
                try await server.get("/ready"), try await server.get("/ping"), try await server.generate(generate),
                try await server.get("/v1/loads"),
            ] {
                #expect(answer.status == 503)
                #expect(answer.json?["message"] == "The model is being loaded (42%); try again later.")
                #expect(answer.headers[.retryAfter] == "1")
            }
            server.ring.becomeReady(epoch: 1)
            #expect(await server.ring.waits { _ in server.front.service.monitor.ring.ready != nil })
            #expect(try await server.get("/health").text.contains("warming up"))
            server.front.service.setUp()
            try await check(server, "/health", 200)
            #expect(try await server.get("/health").text.isEmpty)
        }
    }

    @Test func theEndBeginsWithReadinessAndRefusesWorkInTheEnd() async throws {
        try await withFront(configure: { $0.drainGrace = 0.3 }) { server in
            let body: JSONValue = ["text": "a", "sampling_params": ["max_new_tokens": 1]]
            server.front.service.setDraining()
            for path in ["/health", "/health_generate", "/ready", "/ping"] {
                let answer = try await server.get(path)
                #expect(answer.status == 503 && answer.text.isEmpty)
            }
            // Balancers have not seen it yet.
            let last = try await server.generate(body)
            #expect(last.status == 200 && last.headers[.connection] == "close")
            try await Task.sleep(for: .milliseconds(350))
            let late = try await server.generate(body)
            #expect(late.status == 503 && late.json?["message"] == "The server is shutting down.")
            #expect(late.headers[.connection] == "close" && late.headers[.retryAfter] == "1")
        }
    }
}
