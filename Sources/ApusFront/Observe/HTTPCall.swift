import ApusCore
import ApusWire
import HTTPTypes
import Synchronization

/// One HTTP request on its way through the front, for those who watch. It is over when nobody holds it any more: its
/// handler, the body of its answer, its entries on the board.
final class HTTPCall: Sendable {
    /// The route's path, as the table has it: there are few.
    let endpoint: String
    let method: String
    /// What other processes are told; the trace's span is this call's own.
    let origin: RequestOrigin
    /// The caller's span; nil: the trace begins here.
    let parent: UInt64?
    /// Unix seconds.
    let receivedAt = Clocks.unix()
    private let answered = Mutex<Int?>(nil)
    private let onEnd: @Sendable (HTTPCall.Outcome) -> Void

    /// What a call was, once it is over.
    struct Outcome: Sendable {
        let endpoint: String
        let method: String
        let origin: RequestOrigin
        let parent: UInt64?
        let receivedAt: Double
        /// nil: the client left before there was one.
        let status: Int?
    }

    static let requestIDHeader = HTTPField.Name("x-request-id")!
    static let traceHeader = HTTPField.Name("traceparent")!
    private static let longestRequestID = 256

    /// - Parameters:
    ///   - beginsTraces: A request without a trace gets one, and every request a span in it.
    ///   - onEnd: Told when the call is over.
    init(
        _ fields: HTTPFields, method: HTTPRequest.Method, endpoint: String, beginsTraces: Bool,
        onEnd: @escaping @Sendable (HTTPCall.Outcome) -> Void
    ) {
        self.endpoint = endpoint
        self.method = method.rawValue
        self.onEnd = onEnd
        let given = fields[Self.traceHeader].flatMap { TraceContext(header: $0) }
        var trace = given
        if beginsTraces {
            trace = given ?? .random()
            if given != nil { trace?.spanID = TraceContext.randomID() }
        }
        parent = given?.spanID
        origin = RequestOrigin(requestID: Self.requestID(fields), trace: trace)
    }

    deinit {
        onEnd(
            Outcome(
                endpoint: endpoint, method: method, origin: origin, parent: parent, receivedAt: receivedAt,
                status: answered.withLock { $0 }))
    }

    func answer(_ status: Int) { answered.withLock { $0 = status } }

    /// The client's, if it can stand in a log; else a new one.
    private static func requestID(_ fields: HTTPFields) -> String {
        guard let given = fields[requestIDHeader], !given.isEmpty, given.utf8.count <= longestRequestID,
            given.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return RequestID.random() }
        return given
    }
}
