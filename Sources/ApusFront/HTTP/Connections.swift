import NIOCore
import Synchronization

/// Whether the client of a connection is still there.
final class ConnectionState: Sendable {
    /// nil: streams take the way of all answers.
    let lane: ChunkLane?
    private struct State {
        var isClosed = false
        var nextToken = 0
        var observers: [Int: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())

    init(lane: ChunkLane? = nil) {
        self.lane = lane
    }

    /// Calls `body` once when the client leaves, at once if it has left; `forget` takes it back.
    func onClose(_ body: @escaping @Sendable () -> Void) -> Int {
        let token = state.withLock { state -> Int? in
            guard !state.isClosed else { return nil }
            state.nextToken += 1
            state.observers[state.nextToken] = body
            return state.nextToken
        }
        if token == nil { body() }
        return token ?? 0
    }

    func forget(_ token: Int) {
        state.withLock { $0.observers[token] = nil }
    }

    fileprivate func close() {
        let observers = state.withLock { state in
            state.isClosed = true
            defer { state.observers = [:] }
            return state.observers.values
        }
        for observer in observers { observer() }
    }
}

/// The open connections, found by their channel: request handlers know no more than that of theirs.
final class Connections: Sendable {
    let executors = EventLoopExecutors()
    private let states = Mutex<[ObjectIdentifier: ConnectionState]>([:])

    /// nil for channels without a watch, as in tests without sockets.
    func state(of channel: any Channel) -> ConnectionState? {
        states.withLock { $0[ObjectIdentifier(channel)] }
    }

    /// For a stream that is short at each turn; nil where there is none.
    func lane(of channel: any Channel) -> ChunkLane? { state(of: channel)?.lane }

    /// The handler that reports a new channel's end.
    func makeHandler() -> any RemovableChannelHandler { ConnectionWatch(self) }

    fileprivate func add(_ channel: any Channel) -> ConnectionState {
        let pipeline = channel.pipeline.syncOperations
        let state = ConnectionState(lane: ChunkLane(pipeline, executors))
        OlderClients.serve(pipeline, lane: state.lane)
        states.withLock { $0[ObjectIdentifier(channel)] = state }
        return state
    }

    fileprivate func remove(_ channel: any Channel) {
        states.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
    }
}

/// Notices a client that hangs up, also while its request is being answered: nothing is read or written then, but the
/// channel goes on reading in advance.
private final class ConnectionWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let connections: Connections
    private var state: ConnectionState?

    init(_ connections: Connections) {
        self.connections = connections
    }

    func handlerAdded(context: ChannelHandlerContext) {
        state = connections.add(context.channel)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(context)
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { state?.close() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        state?.close()
        context.fireErrorCaught(error)
    }

    private func end(_ context: ChannelHandlerContext) {
        connections.remove(context.channel)
        state?.lane?.close()
        state?.close()
        state = nil
    }
}
