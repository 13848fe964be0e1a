import NIOCore
import NIOHTTP1

/// Answers clients of HTTP/1.0: they know no chunks (RFC 9112, section 6.1) and no interim answers (RFC 9110, section
/// 10.1.1). Their answers are of their version, and end with the connection whatever they asked for.
///
/// Stands between the bytes' handlers and Hummingbird's, who forget a request's version.
final class OlderClients: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let lane: ChunkLane?
    /// Of the requests that have no answer yet, in order: clients may send the next before that.
    private var versions = CircularBuffer<HTTPVersion>(initialCapacity: 1)

    private init(_ lane: ChunkLane?) {
        self.lane = lane
    }

    /// - Parameter lane: Of the connection: not for these clients.
    static func serve(_ pipeline: ChannelPipeline.SynchronousOperations, lane: ChunkLane?) {
        guard let decoder = try? pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self) else { return }
        try? pipeline.addHandler(OlderClients(lane), position: .after(decoder))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        versions.append(head.version)
        guard head.version.isOlder else { return context.fireChannelRead(data) }
        // Nothing is written by the lane after this request's answer, and a stream before it finds another way.
        lane?.close()
        head.headers.replaceOrAdd(name: "connection", value: "close")
        head.headers.remove(name: "expect")
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .head(var head) = unwrapOutboundIn(data), head.status.code >= 200,
            let version = versions.popFirst(), version.isOlder
        else { return context.write(data, promise: promise) }
        head.version = .http1_0
        head.headers.replaceOrAdd(name: "connection", value: "close")
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }
}

extension HTTPVersion {
    fileprivate var isOlder: Bool { major < 1 || (major == 1 && minor < 1) }
}
