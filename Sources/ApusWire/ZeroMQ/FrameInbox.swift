import ApusCore
import CZeroMQ

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A role's one receiving socket (PULL), bound in the runtime directory with mode 0600: frames, whatever they say.
///
/// A socket file left by a process that died is replaced; one of a process that lives is `WireError.inUse`.
struct FrameInbox: ~Copyable {
    private let socket: ZeroMQSocket
    /// ZeroMQ's own (ZMQ_FD).
    private let descriptor: Int32
    private let wake: WakeSignal?
    private var watched: [Int32] = []
    /// The last look found nothing: what comes after it makes the descriptor readable, until the next look.
    private var isDrained = false

    /// Frames refused in one `receive` before its timeout is looked at again.
    private static let mostSkipped = 100

    init(
        _ station: Station, in directory: RuntimeDirectory, context: ZeroMQContext, wake: WakeSignal?
    ) throws(WireError) {
        context.keep(try FileLock(path: directory.lockPath(of: station)))
        let socket = try ZeroMQSocket(context, type: ZMQ_PULL, address: directory.address(of: station))
        try socket.set(ZMQ_RCVHWM, ZeroMQSocket.highWaterMark)
        try socket.set(ZMQ_MAXMSGSIZE, wide: Int64(WireFormat.maximumFrameByteCount))
        try socket.set(ZMQ_LINGER, 0)
        try socket.bind()
        let path = directory.socketPath(of: station)
        guard chmod(path, 0o600) == 0 else { throw .failed(call: "chmod", subject: path, code: errno) }
        descriptor = socket.descriptor
        self.socket = socket
        self.wake = wake
    }

    mutating func watch(_ descriptor: Int32) {
        watched.append(descriptor)
    }

    mutating func unwatch(_ descriptor: Int32) {
        watched.removeAll { $0 == descriptor }
    }

    /// Lends the next frame that `accept` takes, waiting for it up to `timeout` seconds. Ends early when woken and no frame
    /// is there.
    mutating func receive(timeout: Double, _ accept: (UnsafeRawBufferPointer) -> Bool) {
        let deadline = timeout > 0 ? Clocks.monotonic() + timeout : 0
        var skipped = 0
        // A look that finds nothing costs a call into the system, as does waiting.
        var isOver = timeout > 0 && isDrained ? waits(until: deadline) : false
        while true {
            switch take(accept) {
            case .accepted: return
            case .refused:
                skipped += 1
                if skipped % Self.mostSkipped == 0, timeout <= 0 || Clocks.monotonic() >= deadline { return }
                continue
            case .nothing:
                if isOver || timeout <= 0 { return }
                isOver = waits(until: deadline)
            }
        }
    }

    private enum Taken {
        case accepted
        case refused
        case nothing
    }

    private mutating func take(_ accept: (UnsafeRawBufferPointer) -> Bool) -> Taken {
        withUnsafeTemporaryAllocation(of: zmq_msg_t.self, capacity: 1) { buffer in
            let frame = buffer.baseAddress
            zmq_msg_init(frame)
            defer { zmq_msg_close(frame) }
            let code = uninterrupted { zmq_msg_recv(frame, socket.pointer, ZMQ_DONTWAIT) }.code
            isDrained = code != nil
            if let code {
                precondition(code == EAGAIN, "zmq_msg_recv: \(String(cString: zmq_strerror(code)))")
                return .nothing
            }
            let bytes = UnsafeRawBufferPointer(start: zmq_msg_data(frame), count: zmq_msg_size(frame))
            return accept(bytes) ? .accepted : .refused
        }
    }

    /// Waits for something to happen; true when one more look shall be the last: woken, or the time is over.
    ///
    /// To be called when a look found nothing. Polling ZeroMQ's descriptor is one call into the system; `zmq_poll` makes
    /// four, as it looks before and after for itself.
    private func waits(until deadline: Double) -> Bool {
        let remaining = deadline - Clocks.monotonic()
        guard remaining > 0 else { return true }
        return withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 2 + watched.count) { items in
            var used = 0
            func add(_ descriptor: Int32) {
                items.initializeElement(at: used, to: pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
                used += 1
            }
            add(descriptor)
            for descriptor in watched { add(descriptor) }
            if let wake { add(wake.descriptor) }
            let result = poll(items.baseAddress, nfds_t(used), milliseconds(remaining))
            // A signal is like a frame that did not come: the caller looks at its deadline and waits again.
            guard result > 0 else { return Clocks.monotonic() >= deadline }
            let isWoken = items[1..<used].contains { $0.revents != 0 }
            if isWoken { wake?.clear() }
            return isWoken
        }
    }
}
