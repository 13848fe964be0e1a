import ApusCore
import ApusJSON
package import ApusWire
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import Synchronization

/// The HTTP server: speaks with clients on one side and with the ring on the other.
package final class Front: Sendable {
    package let configuration: FrontConfiguration
    let service: FrontService
    private let connect: @Sendable (WakeSignal) throws -> RingEnds
    let onUp: @Sendable () -> Void
    let logger: Logger
    let ringFailure = Mutex<(any Error)?>(nil)

    /// - Parameters:
    ///   - wake: ends a wait of the ring's inbox, which `connect` gives to it.
    ///   - connect: makes the ends of the ring; runs once, on the thread that will use them.
    ///   - onUp: called once, when the server has shown that it can answer.
    package init(
        configuration: FrontConfiguration, codec: any PromptCodec, logger: Logger, wake: WakeSignal,
        connect: @escaping @Sendable (WakeSignal) throws -> RingEnds, onUp: @escaping @Sendable () -> Void = {}
    ) {
        self.configuration = configuration
        self.connect = connect
        self.onUp = onUp
        self.logger = logger
        service = FrontService(configuration: configuration, codec: codec, wake: wake, logger: logger)
    }

    /// All routes, for the responder and for tests that walk them.
    var routes: RouteTable {
        var table = RouteTable()
        GenerateRoute(service: service).add(to: &table)
        SessionRoutes(service: service).add(to: &table)
        HealthRoutes(service: service).add(to: &table)
        InformationRoutes(service: service).add(to: &table)
        ControlRoutes(service: service).add(to: &table)
        WeightRoutes(service: service).add(to: &table)
        PauseRoutes(service: service).add(to: &table)
        ExpertRoutes(service: service).add(to: &table)
        LoRARoutes(service: service).add(to: &table)
        ModelRoutes(service: service).add(to: &table)
        TokenizeRoutes(service: service).add(to: &table)
        CompletionRoutes(service: service).add(to: &table)
        ParserRoutes(service: service).add(to: &table)
        EncodeRoute(service: service).add(to: &table)
        VectorRoutes(service: service).add(to: &table)
        ScoreRoute(service: service).add(to: &table)
        AnthropicRoutes(service: service).add(to: &table)
        OllamaRoutes(service: service).add(to: &table)
        MetricsRoute(service: service).add(to: &table)
        LoadsRoute(service: service).add(to: &table)
        LoggingRoute(service: service).add(to: &table)
        LaterRoutes(service: service).add(to: &table)
        OpenAPIDocument(version: configuration.version).add(to: &table)
        return table
    }

    /// What answers requests; its routes need the ring: `start()` first.
    package var responder: FrontResponder {
        let service = service
        return FrontResponder(
            routes: routes, settings: service.settings, observer: service.observer,
            isDraining: { service.isDraining })
    }

    /// Serves HTTP; `onListening` is told where, once clients can connect.
    func listener(onListening: @escaping @Sendable ([SocketAddress]) -> Void) -> HTTPListener {
        let connections = service.connections
        let (responder, date) = (responder, HTTPDate())
        let channel = HTTP1Channel(
            responder: { request, writer, channel in
                var response = try await responder.respond(to: request, context: FrontContext(channel: channel))
                response.headers[.date] = date.now
                try await writer.write(response: response.head, body: response.body)
            },
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [connections.makeHandler()],
                idleTimeout: .nanoseconds(Int64(configuration.keepAlive * 1e9))))
        return HTTPListener(
            configuration.place, channel: channel, security: configuration.security, logger: logger,
            onListening: onListening)
    }

    /// What is in force from the next request on.
    package func change(_ settings: AccessSettings) {
        service.settings.current = settings
    }

    // MARK: Life

    /// Starts the ring thread and the workers.
    package func start() {
        service.work.start()
        service.ring.start(monitor: service.monitor, board: service.board, connect: connect) { [weak self] error in
            self?.ringFailure.withLock { $0 = error }
        }
    }

    /// The threads and tasks of the front get on: for a watchdog, from a task.
    package var isAlive: Bool { service.monitor.isTurning }

    /// Ends the ring thread and the workers; nothing may be in flight any more.
    package func stop() async {
        service.ring.stop()
        await service.work.shutDown()
        service.observer.close()
    }
}
