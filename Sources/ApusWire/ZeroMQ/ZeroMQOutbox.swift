import CZeroMQ

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The sending socket (PUSH) towards one role. The role need not be there: messages wait, up to the high-water mark,
/// until it binds, and the connection comes back by itself after either side was restarted.
package final class ZeroMQOutbox<Message: WireMessage>: Outbox {
    private let socket: ZeroMQSocket
    private var writer = WireWriter()

    /// `linger`: seconds for which the last messages may still be delivered once the context ends.
    package init(
        to station: Station, in directory: RuntimeDirectory, context: ZeroMQContext, linger: Double = 0.2,
        highWaterMark: Int = Int(ZeroMQSocket.highWaterMark)
    ) throws(WireError) {
        socket = try ZeroMQSocket(context, type: ZMQ_PUSH, address: directory.address(of: station))
        try socket.set(ZMQ_SNDHWM, Int32(highWaterMark))
        try socket.set(ZMQ_LINGER, milliseconds(linger))
        // Milliseconds; doubled from the first to the second while nobody is there.
        try socket.set(ZMQ_RECONNECT_IVL, 10)
        try socket.set(ZMQ_RECONNECT_IVL_MAX, 200)
        try socket.connect()
    }

    /// A batch larger than a frame goes as several; when only some of them fit in the queue the answer is false, and
    /// sending the whole again does no harm. A single message larger than a frame is the sender's bug.
    package func send(_ message: Message) -> Bool {
        writer.restart()
        message.write(frame: &writer)
        guard writer.bytes.count <= WireFormat.maximumFrameByteCount else {
            guard let (first, second) = message.halves() else {
                preconditionFailure("a message of \(writer.bytes.count) bytes is larger than any frame")
            }
            return send(first) && send(second)
        }
        let sent = writer.bytes.withUnsafeBytes { bytes in
            uninterrupted { zmq_send(socket.pointer, bytes.baseAddress, bytes.count, ZMQ_DONTWAIT) }
        }
        guard let code = sent.code else { return true }
        precondition(code == EAGAIN, "zmq_send to \(socket.address): \(String(cString: zmq_strerror(code)))")
        return false
    }
}
