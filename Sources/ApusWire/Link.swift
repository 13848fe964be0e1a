/// The receiving end of a role: its one socket, or a queue in memory in tests. Used by the thread that made it.
package protocol Inbox<Message>: AnyObject {
    associatedtype Message: Sendable

    /// The next message, waiting for it up to `timeout` seconds (0: not at all); nil when none came.
    /// What is not a message of this version and link is counted and skipped.
    func receive(timeout: Double) -> Message?
}

/// The sending end towards one other role. Used by the thread that made it.
package protocol Outbox<Message>: AnyObject {
    associatedtype Message: Sendable

    /// Hands the message on without waiting; false when the queue to the other side is full and it was not taken.
    func send(_ message: Message) -> Bool
}

/// Everything that the front receives, from both of its senders.
package enum ToFront: Sendable, Equatable {
    case scheduler(SchedulerToFront)
    case detokenizer(DetokenizerToFront)
}
