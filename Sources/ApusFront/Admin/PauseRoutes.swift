import ApusJSON
import ApusWire
import Hummingbird

/// Pausing, and memory that is given back and taken again.
struct PauseRoutes: Sendable {
    let service: FrontService

    private static let pauseRules = [FieldRule("mode", .string)]
    private static let continueRules = [FieldRule("torch_empty_cache", .bool)]
    private static let memoryRules = [FieldRule("tags", .strings)]

    func add(to table: inout RouteTable) {
        table.add(
            "/pause_generation", methods: [.post], access: .admin,
            about: RouteDocument("Hold all requests", body: Self.pauseRules, bodyIsOptional: true)
        ) { request throws(FrontError) in
            try await pause(request)
        }
        table.add(
            "/continue_generation", methods: [.post], access: .admin,
            about: RouteDocument("End a pause", body: Self.continueRules, bodyIsOptional: true)
        ) { request throws(FrontError) in
            try (try await service.optionalObject(request)).check(Self.continueRules)
            return try answer(await service.control(.proceed))
        }
        table.add(
            "/release_memory_occupation", methods: [.get, .post], access: .admin,
            about: RouteDocument("Give memory back to the system", body: Self.memoryRules, bodyIsOptional: true)
        ) { request throws(FrontError) in try await memory(request) { .releaseMemory($0) }
        }
        table.add(
            "/resume_memory_occupation", methods: [.get, .post], access: .admin,
            about: RouteDocument("Take memory again", body: Self.memoryRules, bodyIsOptional: true)
        ) { request throws(FrontError) in try await memory(request) { .resumeMemory($0) }
        }
    }

    // MARK: Pause

    private static let modes: [(name: String, mode: PauseMode)] = [
        ("abort", .abort), ("retract", .retract), ("in_place", .inPlace),
    ]

    private func pause(_ request: FrontRequest) async throws(FrontError) -> Response {
        let body = try await service.optionalObject(request)
        try body.check(Self.pauseRules)
        let name = body.given("mode")?.stringValue ?? "abort"
        guard let mode = Self.modes.first(where: { $0.name == name })?.mode else {
            throw .schema("mode: expected one of abort, retract and in_place, got \(name)")
        }
        try service.abortAll(if: mode == .abort)
        return try answer(await service.control(.pause(mode)))
    }

    private func answer(_ reply: ControlReply) throws(FrontError) -> Response {
        switch reply {
        case .done(let message): return .json(["message": .string(message), "status": "ok"])
        case .failed(let message): throw .control(message)
        case .rows: preconditionFailure("a pause makes no rows")
        }
    }

    // MARK: Memory

    /// Tags that are not ours, like `cuda_graph`, name memory that we do not have.
    private func memory(
        _ request: FrontRequest, _ call: (MemoryParts) -> ControlCall
    ) async throws(FrontError) -> Response {
        let body = try await service.optionalObject(request)
        try body.check(Self.memoryRules)
        let names = body.given("tags")?.arrayValue?.compactMap(\.stringValue)
        func has(_ tag: String) -> Bool { names?.contains(tag) ?? true }
        let parts = MemoryParts(kvCache: has("kv_cache"), weights: has("weights"))
        guard parts.kvCache || parts.weights else { return .json(.null) }
        switch try await service.control(call(parts)) {
        case .done: return .json(.null)
        case .failed(let message): throw .control(message)
        case .rows: preconditionFailure("memory makes no rows")
        }
    }
}

extension FrontService {
    /// The JSON object that is the body; an empty one when there is no body.
    func optionalObject(_ request: FrontRequest) async throws(FrontError) -> JSONObject {
        let received = try await bodies.read(request.http, request.channel)
        guard received.bytes.readableBytes > 0 else { return JSONObject() }
        try JSONBody.checkType(request.http)
        return try await work.run(size: received.bytes.readableBytes) { () throws(FrontError) in
            try JSONBody.parse(received.bytes)
        }
    }
}
