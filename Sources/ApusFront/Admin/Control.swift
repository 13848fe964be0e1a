import ApusJSON
import ApusWire
import Hummingbird

/// Operators' routes that empty the cache and end requests.
struct ControlRoutes: Sendable {
    let service: FrontService

    /// Seconds beyond the caller's timeout until the scheduler's answer is given up.
    private static let patience = 30.0
    private static let longestTimeout = 86_400.0

    func add(to table: inout RouteTable) {
        table.add(
            "/flush_cache", methods: [.get, .post], access: .admin,
            about: RouteDocument(
                "Empty the prefix cache", query: [RouteDocument.Query(name: "timeout", shape: .number)], answer: .text)
        ) { request throws(FrontError) in
            try await flush(request)
        }
        table.add(
            "/abort_request", methods: [.post], access: .admin,
            about: RouteDocument("End one request, or all", body: Self.abortRules, answer: .nothing)
        ) { request throws(FrontError) in
            try await abort(request)
        }
        // There is no garbage collector: nothing to freeze, and that is what the caller wants.
        table.add(
            "/freeze_gc", methods: [.get, .post], access: .admin, about: RouteDocument("Nothing", answer: .text)
        ) { _ throws(FrontError) in
            .text("Garbage collection frozen.\n")
        }
    }

    // MARK: Cache

    private func flush(_ request: FrontRequest) async throws(FrontError) -> Response {
        var timeout = 0.0
        if let given = request.http.uri.queryParameters["timeout"] {
            guard let seconds = Double(given), seconds >= 0, seconds <= Self.longestTimeout else {
                throw .schema("timeout: expected a number of seconds of at least 0, got \(given)")
            }
            timeout = seconds
        }
        _ = try service.scheduler()
        let outcome = await service.monitor.flush(within: timeout + Self.patience) { call in
            service.ring.post(.flushCache(call: call, timeout: timeout))
        }
        return switch outcome {
        case .flushed:
            .text(
                "Cache flushed.\nPlease check backend logs for more details. "
                    + "(When there are running or waiting requests, the operation will not be performed.)\n")
        case .busy: .text("Flush cache failed.\n", status: .badRequest)
        case .timedOut: .text("Timed out waiting for idle state.", status: .badRequest)
        case .alreadyInProgress: .text("Another flush_cache is already in progress.", status: .badRequest)
        case nil: throw .unavailable("The scheduler did not answer; try again later.")
        }
    }

    // MARK: Abort

    private static let abortRules = [FieldRule("rid", .string), FieldRule("abort_all", .bool)]

    private func abort(_ request: FrontRequest) async throws(FrontError) -> Response {
        let body = try await service.object(request)
        try body.check(Self.abortRules)
        if body["abort_all"]?.boolValue ?? false {
            service.board.abortAll()
        } else if let rid = body["rid"]?.stringValue, !rid.isEmpty {
            service.board.abort(rid: rid)
        }
        return .empty()
    }
}

extension FrontService {
    /// The JSON object that is the body of a request.
    func object(_ request: FrontRequest, acceptsForm: Bool = false) async throws(FrontError) -> JSONObject {
        try JSONBody.checkType(request.http, acceptsForm: acceptsForm)
        let received = try await bodies.read(request.http, request.channel)
        return try await work.run(size: received.bytes.readableBytes) { () throws(FrontError) in
            try JSONBody.parse(received.bytes)
        }
    }
}
