import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTPTypes
import Synchronization

/// Reads request bodies within limits of size, time and memory of all of them together.
final class BodyReader: Sendable {
    private let limit: Int
    private let budget: Int
    private let timeout: Double
    private let held = HeldBytes()

    /// Bytes of one body, bytes of all, and seconds for one.
    init(limit: Int, budget: Int, timeout: Double) {
        self.limit = limit
        self.budget = budget
        self.timeout = timeout
    }

    /// The whole body. A declared length is believed only to refuse; bytes are counted as they come.
    func read(_ request: Request, _ channel: any Channel) async throws(FrontError) -> ReceivedBody {
        if let declared = request.headers[.contentLength].flatMap({ Int($0) }), declared > limit {
            closeSoon(channel)
            throw .bodyTooLarge(limit: limit)
        }
        // RFC 9110, section 10.1.1: a client with much to send waits for this word (curl: a second long).
        if request.headers[.expect]?.lowercased() == "100-continue" {
            channel.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue)), promise: nil)
        }
        let isLate = Mutex(false)
        let deadline = channel.eventLoop.scheduleTask(in: .nanoseconds(Int64(timeout * 1e9))) {
            isLate.withLock { $0 = true }
            channel.close(mode: .input, promise: nil)
        }
        defer { deadline.cancel() }
        let hold = Hold(held)
        var body = ByteBuffer()
        do {
            for try await var part in request.body {
                guard body.readableBytes + part.readableBytes <= limit else {
                    closeSoon(channel)
                    throw FrontError.bodyTooLarge(limit: limit)
                }
                guard hold.add(part.readableBytes, budget: budget) else {
                    closeSoon(channel)
                    throw FrontError.unavailable("The server is busy with other large requests; try again later.")
                }
                body.writeBuffer(&part)
            }
        } catch let error as FrontError {
            throw error
        } catch {
            throw isLate.withLock { $0 } ? .bodyTooSlow : .clientGone
        }
        if isLate.withLock({ $0 }) { throw .bodyTooSlow }
        return ReceivedBody(bytes: body, hold: hold)
    }

    /// The rest of the body is of no use: the client gets the time to read the answer, then the connection ends.
    private func closeSoon(_ channel: any Channel) {
        channel.eventLoop.scheduleTask(in: .seconds(2)) { channel.close(promise: nil) }
    }
}

/// Bytes of request bodies in memory.
private final class HeldBytes: Sendable {
    let count = Mutex(0)
}

/// One request's part of the held bytes, until nobody refers to it any more.
private final class Hold: Sendable {
    private let total: HeldBytes
    private let own = Mutex(0)

    init(_ total: HeldBytes) {
        self.total = total
    }

    deinit {
        let own = own.withLock { $0 }
        total.count.withLock { $0 -= own }
    }

    /// False, with nothing done, when all bodies together would exceed the budget.
    func add(_ size: Int, budget: Int) -> Bool {
        let fits = total.count.withLock { count in
            guard count + size <= budget else { return false }
            count += size
            return true
        }
        if fits { own.withLock { $0 += size } }
        return fits
    }
}

/// The body of one request. Keep the value, not only the bytes, as long as the bytes are needed.
struct ReceivedBody: Sendable {
    let bytes: ByteBuffer
    private let hold: Hold

    fileprivate init(bytes: ByteBuffer, hold: Hold) {
        self.bytes = bytes
        self.hold = hold
    }
}
