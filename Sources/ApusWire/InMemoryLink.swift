import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A bounded queue between threads of one process that stands in for a socket: for tests of every role.
package final class InMemoryLink<Message: Sendable>: Sendable {
    private let capacity: Int
    private let queue = Mutex<[Message]>([])
    /// Readable while the queue holds anything; changed only under the mutex.
    private let arrival: WakeSignal

    package init(capacity: Int = 1000) throws(WireError) {
        precondition(capacity > 0, "a link without room")
        self.capacity = capacity
        arrival = try WakeSignal()
    }

    /// The receiving end; `wake` ends its waits like that of `ZeroMQInbox`.
    package func inbox(wake: WakeSignal? = nil) -> InMemoryInbox<Message> {
        InMemoryInbox(self, wake: wake)
    }

    package func outbox() -> InMemoryOutbox<Message, Message> {
        InMemoryOutbox(self) { $0 }
    }

    /// A sending end for one of several kinds of message, as in `link.outbox(ToFront.detokenizer)`.
    package func outbox<Part: Sendable>(_ wrap: @escaping (Part) -> Message) -> InMemoryOutbox<Part, Message> {
        InMemoryOutbox(self, wrap)
    }

    fileprivate func push(_ message: Message) -> Bool {
        queue.withLock { queue in
            guard queue.count < capacity else { return false }
            if queue.isEmpty { arrival.wake() }
            queue.append(message)
            return true
        }
    }

    fileprivate func pop() -> Message? {
        queue.withLock { queue in
            guard !queue.isEmpty else { return nil }
            // Linear, and short: this is for tests.
            let message = queue.removeFirst()
            if queue.isEmpty { arrival.clear() }
            return message
        }
    }

    fileprivate var descriptor: Int32 { arrival.descriptor }
}

package final class InMemoryInbox<Message: Sendable>: Inbox {
    private let link: InMemoryLink<Message>
    private let wake: WakeSignal?

    fileprivate init(_ link: InMemoryLink<Message>, wake: WakeSignal?) {
        self.link = link
        self.wake = wake
    }

    package func receive(timeout: Double) -> Message? {
        if let message = link.pop() { return message }
        guard timeout > 0 else { return nil }
        let readable = Int16(POLLIN)
        var items = [pollfd(fd: link.descriptor, events: readable, revents: 0)]
        if let wake { items.append(pollfd(fd: wake.descriptor, events: readable, revents: 0)) }
        // A signal ends the wait early, which every caller must stand anyway.
        _ = poll(&items, nfds_t(items.count), milliseconds(timeout))
        if let wake, items[1].revents != 0 { wake.clear() }
        return link.pop()
    }
}

package final class InMemoryOutbox<Message: Sendable, Carried: Sendable>: Outbox {
    private let link: InMemoryLink<Carried>
    private let wrap: (Message) -> Carried

    fileprivate init(_ link: InMemoryLink<Carried>, _ wrap: @escaping (Message) -> Carried) {
        self.link = link
        self.wrap = wrap
    }

    package func send(_ message: Message) -> Bool {
        link.push(wrap(message))
    }
}
