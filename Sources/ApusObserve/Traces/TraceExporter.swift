import ApusCore
package import ApusJSON
package import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Sends spans to a receiver of OTLP/HTTP, in batches, from a thread of its own. Whoever hands over a span never waits:
/// when the receiver does not keep up or is away, spans are dropped and counted.
package final class TraceExporter: Sendable {
    /// What became of the spans.
    package struct Counts: Sendable, Hashable {
        package var exported = 0
        package var dropped = 0
    }

    private struct State {
        var spans: [Span] = []
        var counts = Counts()
        var isStopping = false
    }

    private let state = Mutex(State())
    private let thread = Mutex<NamedThread?>(nil)
    private let wakeEnd: Int32
    private let waitEnd: Int32
    private let send: @Sendable ([UInt8]) -> Result<Int, any Error>
    private let resource: JSONObject
    private let version: String
    private let logger: Logger

    /// Spans that may wait, and spans of one message.
    static let limit = 8_192
    static let batch = 512
    /// Microseconds in which spans gather, and seconds between two complaints.
    private static let gathering: UInt32 = 200_000
    private static let complaintInterval = 60.0

    /// `resource`: what the receiver is told of this server.
    package convenience init(to endpoint: TraceEndpoint, resource: JSONObject, version: String, logger: Logger) {
        self.init(resource: resource, version: version, logger: logger) { body in
            endpoint.post(body).mapError { $0 }
        }
    }

    /// `send` takes a message and gives the status of the receiver's answer.
    package init(
        resource: JSONObject, version: String, logger: Logger,
        send: @escaping @Sendable ([UInt8]) -> Result<Int, any Error>
    ) {
        var ends: [Int32] = [0, 0]
        precondition(pipe(&ends) == 0, "no descriptors are left at start-up")
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (waitEnd, wakeEnd) = (ends[0], ends[1])
        self.resource = resource
        self.version = version
        self.logger = logger
        self.send = send
        thread.withLock { $0 = NamedThread("apus-traces") { [self] in run() } }
    }

    package var counts: Counts { state.withLock { $0.counts } }

    package func export(_ span: Span) {
        let isFirst = state.withLock { state in
            guard state.spans.count < Self.limit, !state.isStopping else {
                state.counts.dropped += 1
                return false
            }
            state.spans.append(span)
            return state.spans.count == 1
        }
        if isFirst { wake() }
    }

    /// Sends what is there, if the receiver takes it, and ends the thread.
    package func finish() {
        state.withLock { $0.isStopping = true }
        wake()
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        guard let thread else { return }
        thread.join()
        close(wakeEnd)
        close(waitEnd)
    }

    private func wake() {
        var byte: UInt8 = 0
        _ = write(wakeEnd, &byte, 1)
    }

    private func run() {
        var complainedAt = -Double.infinity
        while true {
            var item = pollfd(fd: waitEnd, events: Int16(POLLIN), revents: 0)
            _ = poll(&item, 1, -1)
            var bytes = [UInt8](repeating: 0, count: 64)
            while read(waitEnd, &bytes, bytes.count) > 0 {}
            if !state.withLock({ $0.isStopping }) { usleep(Self.gathering) }
            while let spans = take() {
                let outcome = send(OTLP.request(spans, resource: resource, version: version).serialized)
                let failure = Self.failure(outcome)
                state.withLock { state in
                    if failure == nil {
                        state.counts.exported += spans.count
                    } else {
                        state.counts.dropped += spans.count
                    }
                }
                if failure != nil { dropAtTheEnd() }
                guard let failure, Clocks.monotonic() - complainedAt > Self.complaintInterval else { continue }
                complainedAt = Clocks.monotonic()
                logger.warning("Spans could not be exported and are dropped: \(failure)")
            }
            if state.withLock({ $0.isStopping }) { return }
        }
    }

    /// A receiver that takes nothing must not hold up the end of the process batch by batch.
    private func dropAtTheEnd() {
        state.withLock { state in
            guard state.isStopping else { return }
            state.counts.dropped += state.spans.count
            state.spans.removeAll()
        }
    }

    private func take() -> [Span]? {
        state.withLock { state in
            guard !state.spans.isEmpty else { return nil }
            let spans = Array(state.spans.prefix(Self.batch))
            state.spans.removeFirst(spans.count)
            return spans
        }
    }

    private static func failure(_ outcome: Result<Int, any Error>) -> String? {
        switch outcome {
        case .success(let status): (200..<300).contains(status) ? nil : "the receiver answered \(status)"
        case .failure(let error): "\(error)"
        }
    }
}
