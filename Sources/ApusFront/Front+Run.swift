import ApusCore
import ApusGrammar
import ApusJSON
import ApusWire
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// What ends a front that cannot serve.
package enum FrontFailure: Error, CustomStringConvertible {
    case preferredSampling(String)
    case warmUp(String)
    case whitespacePattern(String)

    package var description: String {
        switch self {
        case .preferredSampling(let reason): "--preferred-sampling-params: \(reason)"
        case .whitespacePattern(let reason): "--constrained-json-whitespace-pattern: \(reason)"
        case .warmUp(let reason): "the warm-up request failed: \(reason)"
        }
    }

    /// The command line or its kin are wrong: trying again would not help.
    package var isUsage: Bool { if case .warmUp = self { false } else { true } }
}

extension Front: Service {
    /// Serves until the service group shuts down, then drains: health and readiness turn false first, requests in flight
    /// get their time, then the port closes. Throws if the port, the ring or the warm-up fails.
    package func run() async throws {
        try checkPreferredSampling()
        try checkWhitespace()
        start()
        let listener = listener { [self] addresses in announce(addresses) }
        // Detached, so that connections end only after the drain.
        let serving = Task.detached { [self] in
            if configuration.place.isInherited { await waitForRing() }
            try await listener.run()
        }
        do {
            try await withTaskCancellationHandler {
                try await runBeside(listener, serving)
            } onCancel: {
                serving.cancel()
            }
        } catch {
            await stop()
            throw error
        }
        await stop()
    }

    private func runBeside(_ listener: HTTPListener, _ serving: Task<Void, any Error>) async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await serving.value
                return true
            }
            group.addTask {
                try await self.warmUp()
                return false
            }
            group.addTask {
                try? await gracefulShutdown()
                guard !Task.isCancelled else { return false }
                await self.drain(listener)
                try? await Task.sleep(for: .seconds(self.configuration.drainTimeout))
                serving.cancel()
                return false
            }
            defer { group.cancelAll() }
            do {
                while let isOver = try await group.next(), !isOver {}
            } catch {
                serving.cancel()
                throw error
            }
        }
    }

    // MARK: Start

    /// Clients who wait in a socket of systemd's are better answered a little later than with a 503; but when the others
    /// do not come, they should be told.
    private func waitForRing() async {
        let deadline = Clocks.monotonic() + Self.patienceBeforeListening
        while service.monitor.ring.ready == nil || !service.monitor.ring.canDetokenize,
            !service.isDraining, Clocks.monotonic() < deadline
        {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    private static let patienceBeforeListening = 10.0

    private func announce(_ addresses: [SocketAddress]) {
        let scheme = configuration.security == nil ? "http" : "https"
        for address in addresses {
            let place = address.pathname ?? "\(scheme)://\(address.ipAddress ?? "?"):\(address.port ?? 0)"
            logger.info("Listening on \(place)\(configuration.place.isInherited ? " (the socket was given)" : "").")
        }
    }

    /// The server's own defaults must not make every request fail.
    private func checkPreferredSampling() throws {
        guard let preferred = configuration.preferredSamplingParameters else { return }
        do throws(FrontError) {
            try SamplingFields.check(preferred)
            _ = try SamplingReader.read(
                preferred, preferred: nil, vocabularySize: Int(Int32.max), grammars: configuration.grammars)
        } catch {
            throw FrontFailure.preferredSampling(error.message)
        }
    }

    private func checkWhitespace() throws {
        do throws(GrammarError) {
            _ = try GrammarSource(.json, "true", whitespace: configuration.grammars.whitespace).grammar()
        } catch {
            guard case .invalid(let reason) = error else { return }
            throw FrontFailure.whitespacePattern(reason)
        }
    }

    /// Waits for a scheduler and runs one request, as a client would. Then the server is up.
    private func warmUp() async throws {
        while service.monitor.ring.ready == nil || !service.monitor.ring.canDetokenize {
            if let failure = ringFailure.withLock({ $0 }) { throw failure }
            guard !service.isDraining else { return }
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
        }
        if !configuration.skipWarmUp {
            do throws(FrontError) {
                try await runOneRequest()
            } catch {
                guard !service.isDraining, !Task.isCancelled else { return }
                throw FrontFailure.warmUp(error.message)
            }
        }
        guard !service.isDraining else { return }
        service.setUp()
        logger.notice("The server is fired up and ready to roll!")
        onUp()
    }

    private func runOneRequest() async throws(FrontError) {
        guard !configuration.isEmbedding else { return try await embedOneText() }
        let body: JSONObject = [
            "text": "The capital city of France is",
            "sampling_params": ["temperature": 0, "max_new_tokens": 8],
        ]
        let scope = RequestScope(service.board, nil)
        defer { scope.end() }
        let run = try await service.prepare(body, size: 0, scope: scope, receivedAt: Clocks.unix())
        try await service.dispatch(run)
        let timeout = configuration.warmUpTimeout
        let alarm = Task {
            try await Task.sleep(for: .seconds(timeout))
            run.mailbox.fail(.unavailable("no answer within \(timeout) s"))
        }
        defer { alarm.cancel() }
        while let (_, update) = try await run.mailbox.next() {
            if let failure = update.finish?.failure { throw failure }
        }
    }

    private func embedOneText() async throws(FrontError) {
        let scope = RequestScope(service.board, nil)
        defer { scope.end() }
        let timeout = configuration.warmUpTimeout
        let alarm = Task {
            try await Task.sleep(for: .seconds(timeout))
            scope.fail(.unavailable("no answer within \(timeout) s"))
        }
        defer { alarm.cancel() }
        _ = try await service.embed(
            EmbeddingPlan(texts: [.text("The capital city of France is")]), size: 0, scope: scope,
            receivedAt: Clocks.unix())
    }

    // MARK: End

    /// Connections that were taken from a socket that lives on get so many seconds to say what they came for: they
    /// cannot know that this process ends.
    private static let graceForNewConnections = 1.0

    /// Lets requests in flight end; what is left after the time given, or cannot end, gets an error.
    private func drain(_ listener: HTTPListener) async {
        service.setDraining()
        // On a port of ours clients are refused as late as possible; on a given socket they wait for the next process.
        if configuration.place.isInherited { await listener.stopAccepting() }
        logger.notice("Shutting down: waiting for \(service.board.clientCount) requests.")
        let deadline = Clocks.monotonic() + configuration.drainTimeout
        let leastEnd = configuration.place.isInherited ? Clocks.monotonic() + Self.graceForNewConnections : 0
        while isBusy(listener, leastEnd), !service.isUnhealthy, Clocks.monotonic() < deadline {
            try? await Task.sleep(for: .milliseconds(20))
        }
        service.board.failEverything(.unavailable("The server is shutting down."))
        listener.close()
        listener.quiesce()
    }

    private func isBusy(_ listener: HTTPListener, _ leastEnd: Double) -> Bool {
        service.board.clientCount > 0 || (Clocks.monotonic() < leastEnd && listener.connectionCount > 0)
    }
}
