import NIOCore
import NIOHTTP1

/// The short way of a stream's frames to its client, for a task on the event loop of the connection: a frame becomes a chunk
/// (RFC 9112, section 7.1) in one buffer and passes by the handlers that make bytes of an answer's parts, and by the queue
/// before them, which together cost more than making the frame.
///
/// Only for bodies of unknown length, between their head and their end.
final class ChunkLane: @unchecked Sendable {
    // @unchecked: what can change is touched on the event loop only.
    let executor: EventLoopExecutor
    private let loop: any EventLoop
    private var encoder: ChannelHandlerContext?

    /// On the connection's event loop; nil: its handlers are not those of HTTP/1.1.
    init?(_ pipeline: ChannelPipeline.SynchronousOperations, _ executors: EventLoopExecutors) {
        guard let encoder = try? pipeline.context(handlerType: HTTPResponseEncoder.self) else { return nil }
        loop = encoder.eventLoop
        executor = executors.executor(of: loop)
        self.encoder = encoder
    }

    /// The connection ends; on its event loop.
    func close() { encoder = nil }

    /// False: nothing was written, since the client is slow or gone or this is another thread. The long way waits or throws.
    func write(_ bytes: [UInt8]) -> Bool {
        guard loop.inEventLoop, let encoder, !bytes.isEmpty, encoder.channel.isActive, encoder.channel.isWritable
        else { return false }
        var chunk = encoder.channel.allocator.buffer(capacity: bytes.count + Self.frameSize)
        chunk.writeString(String(bytes.count, radix: 16))
        chunk.writeStaticString("\r\n")
        chunk.writeBytes(bytes)
        chunk.writeStaticString("\r\n")
        encoder.writeAndFlush(HTTPResponseEncoder.wrapOutboundOut(.byteBuffer(chunk)), promise: nil)
        return true
    }

    /// Most bytes that a chunk has besides its data.
    private static let frameSize = 20
}
