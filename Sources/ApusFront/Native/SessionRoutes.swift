import ApusJSON
import Hummingbird

/// `/open_session` and `/close_session`.
struct SessionRoutes: Sendable {
    let service: FrontService

    private static let longestID = 256
    /// `capacity_of_str_len` is asked for by contract, and bounds nothing: a session is bounded by `SessionTable`.
    private static let openRules = [
        FieldRule("capacity_of_str_len", .integer, isRequired: true), FieldRule("session_id", .string),
        FieldRule("streaming", .bool), FieldRule("timeout", .number),
    ]
    private static let closeRules = [FieldRule("session_id", .string, isRequired: true)]

    func add(to table: inout RouteTable) {
        table.add(
            "/open_session", methods: [.get, .post],
            about: RouteDocument("Open a session: a tree of requests that go on from each other", body: Self.openRules)
        ) { request throws(FrontError) in
            try open(await service.object(request))
        }
        table.add(
            "/close_session", methods: [.get, .post],
            about: RouteDocument("Forget a session", body: Self.closeRules, answer: .nothing)
        ) { request throws(FrontError) in
            let body = try await service.object(request)
            try body.check(Self.closeRules)
            service.sessions.close(body.given("session_id")?.stringValue ?? "")
            return .empty()
        }
    }

    private func open(_ body: JSONObject) throws(FrontError) -> Response {
        try body.check(Self.openRules)
        guard body.given("streaming")?.boolValue != true else {
            throw .refused("Streaming sessions are not served; leave out `streaming`.")
        }
        let timeout = body.given("timeout")?.doubleValue
        guard timeout ?? 1 > 0 else { throw .refused("timeout must be above 0 seconds, got \(timeout ?? 0).") }
        let id = body.given("session_id")?.stringValue
        guard (id?.utf8.count ?? 0) <= Self.longestID else {
            throw .refused("session_id may have at most \(Self.longestID) bytes.")
        }
        let given = id.flatMap { $0.isEmpty ? nil : $0 }
        return .json(.string(try service.sessions.open(given, timeout: timeout)))
    }
}
