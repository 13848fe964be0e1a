import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Takes connections and has each served. Unlike Hummingbird's own server it can listen on sockets that it did not open,
/// changes certificates while it runs, and stops in two steps: no new connections, then no idle ones.
final class HTTPListener: Sendable {
    private struct State {
        var servers: [any Channel] = []
        var clients: [ObjectIdentifier: any Channel] = [:]
        /// Connections on their way from the kernel to a task that serves them.
        var beginning = 0
        var isAccepting = true
        var isQuiescing = false
    }

    private let place: ListeningPlace
    private let channel: HTTP1Channel
    private let security: TransportSecurity?
    private let logger: Logger
    private let onListening: @Sendable ([SocketAddress]) -> Void
    private let state = Mutex(State())

    /// Connections that wait to be taken; the kernel may lower it.
    private static let backlog: Int32 = 2_048

    /// - Parameters:
    ///   - security: nil: plain HTTP.
    ///   - onListening: called once, when clients can connect.
    init(
        _ place: ListeningPlace, channel: HTTP1Channel, security: TransportSecurity?, logger: Logger,
        onListening: @escaping @Sendable ([SocketAddress]) -> Void
    ) {
        self.place = place
        self.channel = channel
        self.security = security
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until `stopAccepting` and until the last connection has ended. Throws when an address cannot be had.
    func run() async throws {
        let servers = try await listen()
        let isAccepting = state.withLock { state in
            state.servers = servers.map(\.channel)
            return state.isAccepting
        }
        guard isAccepting else {
            for server in servers { server.channel.close(promise: nil) }
            return
        }
        onListening(servers.compactMap(\.channel.localAddress))
        await withDiscardingTaskGroup { group in
            for server in servers { group.addTask { await self.serve(server) } }
        }
    }

    /// Takes no more connections and has those served that were taken, then listens no more. A socket that was given to
    /// this process stays open elsewhere: who connects from now on waits for the next process that takes connections
    /// from it.
    func stopAccepting() async {
        for server in state.withLock({ $0.servers }) { try? await server.setOption(.autoRead, value: false).get() }
        // A connection that is closed together with the server would be lost: it is the client's only one.
        for _ in 0..<50 {
            try? await Task.sleep(for: .milliseconds(20))
            if state.withLock({ $0.beginning == 0 }) { break }
        }
        close()
    }

    /// Listens no more, at once. Connections that are open go on.
    func close() {
        let servers = state.withLock { state in
            state.isAccepting = false
            return state.servers
        }
        for server in servers { server.close(promise: nil) }
    }

    /// Closes each connection as soon as it serves no request.
    func quiesce() {
        let clients = state.withLock { state in
            state.isQuiescing = true
            return Array(state.clients.values)
        }
        for client in clients { client.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    }

    var connectionCount: Int { state.withLock { $0.clients.count } }

    // MARK: Connections

    private typealias Server = NIOAsyncChannel<HTTP1Channel.Value, Never>

    /// One loop where cores are few: a step's tokens for all clients are then written one after the other by the same
    /// thread, which takes its way once from memory, instead of by threads that each take it again. Lives as long as the process.
    private static let loops = MultiThreadedEventLoopGroup(numberOfThreads: max(1, System.coreCount / 4))

    private func listen() async throws -> [Server] {
        let bootstrap = ServerBootstrap(group: Self.loops)
            .serverChannelOption(ChannelOptions.backlog, value: Self.backlog)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
        switch place {
        case .address(let host, let port):
            return [try await bootstrap.bind(host: host, port: port, childChannelInitializer: begin)]
        case .sockets(let descriptors):
            var servers: [Server] = []
            for descriptor in descriptors {
                servers.append(try await bootstrap.bind(descriptor, childChannelInitializer: begin))
            }
            return servers
        }
    }

    /// Makes a new connection's pipeline.
    @Sendable private func begin(_ client: any Channel) -> EventLoopFuture<HTTP1Channel.Value> {
        let isQuiescing = state.withLock { state in
            state.clients[ObjectIdentifier(client)] = client
            state.beginning += 1
            return state.isQuiescing
        }
        client.closeFuture.whenComplete { [self] _ in
            state.withLock { _ = $0.clients.removeValue(forKey: ObjectIdentifier(client)) }
        }
        do {
            if let security {
                try client.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: security.context))
            }
        } catch {
            state.withLock { $0.beginning -= 1 }
            return client.eventLoop.makeFailedFuture(error)
        }
        let result = channel.setup(channel: client, logger: logger)
        result.whenFailure { [self] _ in state.withLock { $0.beginning -= 1 } }
        if isQuiescing { client.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        return result
    }

    private func serve(_ server: Server) async {
        await withDiscardingTaskGroup { group in
            do {
                try await server.executeThenClose { clients in
                    for try await client in clients {
                        state.withLock { $0.beginning -= 1 }
                        group.addTask { await self.channel.handle(value: client, logger: self.logger) }
                    }
                }
            } catch {
                logger.error("No more connections are taken: \(error)")
            }
        }
    }
}

/// Where clients connect.
package enum ListeningPlace: Sendable, Equatable {
    case address(host: String, port: Int)
    /// Descriptors of sockets that listen already; whoever listens on them closes them.
    case sockets([Int32])

    var isInherited: Bool {
        if case .sockets = self { true } else { false }
    }
}
