import ApusCore
import CZeroMQ

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A role's one receiving socket (PULL), bound in the runtime directory with mode 0600.
///
/// A socket file left by a process that died is replaced; one of a process that lives is `WireError.inUse`.
package final class ZeroMQInbox<Message: WireMessage>: Inbox {
    private let socket: ZeroMQSocket
    private let wake: WakeSignal?
    private var watched: [Int32] = []

    /// Frames that were no message for us, and why the last one was not.
    package private(set) var rejectedCount = 0
    package private(set) var lastRejection: FrameError?

    /// Garbage skipped in one `receive` before its timeout is looked at again.
    private static var mostSkipped: Int { 100 }

    /// `wake`: lets another thread end a wait of `receive`.
    package init(
        _ station: Station, in directory: RuntimeDirectory, context: ZeroMQContext, wake: WakeSignal? = nil
    ) throws(WireError) {
        context.keep(try FileLock(path: directory.lockPath(of: station)))
        socket = try ZeroMQSocket(context, type: ZMQ_PULL, address: directory.address(of: station))
        self.wake = wake
        try socket.set(ZMQ_RCVHWM, ZeroMQSocket.highWaterMark)
        try socket.set(ZMQ_MAXMSGSIZE, wide: Int64(WireFormat.maximumFrameByteCount))
        try socket.set(ZMQ_LINGER, 0)
        try socket.bind()
        let path = directory.socketPath(of: station)
        guard chmod(path, 0o600) == 0 else { throw .failed(call: "chmod", subject: path, code: errno) }
    }

    /// Ends a wait while this descriptor is readable, like `wake` but never cleared: unwatch it once it was dealt with.
    package func watch(_ descriptor: Int32) {
        watched.append(descriptor)
    }

    package func unwatch(_ descriptor: Int32) {
        watched.removeAll { $0 == descriptor }
    }

    /// Returns nil early when woken (`WakeSignal`, `watch`) and no message is there.
    package func receive(timeout: Double) -> Message? {
        let deadline = Clocks.monotonic() + timeout
        var skipped = 0
        while true {
            switch take() {
            case .message(let message): return message
            case .rejected:
                skipped += 1
                if skipped % Self.mostSkipped == 0, Clocks.monotonic() >= deadline { return nil }
                continue
            case .nothing: break
            }
            let remaining = timeout > 0 ? deadline - Clocks.monotonic() : 0
            guard remaining > 0 else { return nil }
            if wait(remaining) == .woken {
                if case .message(let message) = take() { return message }
                return nil
            }
        }
    }

    private enum Taken {
        case message(Message)
        case rejected
        case nothing
    }

    private func take() -> Taken {
        withUnsafeTemporaryAllocation(of: zmq_msg_t.self, capacity: 1) { buffer in
            let frame = buffer.baseAddress
            zmq_msg_init(frame)
            defer { zmq_msg_close(frame) }
            if let code = uninterrupted({ zmq_msg_recv(frame, socket.pointer, ZMQ_DONTWAIT) }).code {
                precondition(code == EAGAIN, "zmq_msg_recv: \(String(cString: zmq_strerror(code)))")
                return .nothing
            }
            do throws(FrameError) {
                let bytes = UnsafeRawBufferPointer(start: zmq_msg_data(frame), count: zmq_msg_size(frame))
                return .message(try Message.read(frame: bytes))
            } catch {
                rejectedCount += 1
                lastRejection = error
                return .rejected
            }
        }
    }

    private enum Waited {
        case arrivedOrTimedOut
        case woken
    }

    /// To be called when `take` found nothing: ZeroMQ's descriptor (ZMQ_FD) becomes readable with what comes after that.
    /// Polling it is one call into the system; `zmq_poll` makes four, as it looks before and after for itself.
    private func wait(_ seconds: Double) -> Waited {
        withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 2 + watched.count) { items in
            var used = 0
            func add(_ descriptor: Int32) {
                items.initializeElement(at: used, to: pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
                used += 1
            }
            add(socket.descriptor)
            for descriptor in watched { add(descriptor) }
            if let wake { add(wake.descriptor) }
            let result = poll(items.baseAddress, nfds_t(used), milliseconds(seconds))
            // A signal is like a message that did not come: the caller looks at its deadline and waits again.
            guard result > 0 else { return .arrivedOrTimedOut }
            let woken = items[1..<used].contains { $0.revents != 0 }
            if woken { wake?.clear() }
            return woken ? .woken : .arrivedOrTimedOut
        }
    }
}
