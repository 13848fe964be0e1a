import ApusJSON
import ApusWire
import Hummingbird

/// Other weights while serving: update, rename, read back.
struct WeightRoutes: Sendable {
    let service: FrontService

    func add(to table: inout RouteTable) {
        table.add(
            "/update_weights_from_disk", "/update_weights", methods: [.post], access: .admin,
            about: RouteDocument("Serve other weights of the same shape", body: Self.updateRules)
        ) { request throws(FrontError) in try await update(request)
        }
        table.add(
            "/update_weight_version", methods: [.post], access: .admin,
            about: RouteDocument("Rename the weights", body: Self.renameRules)
        ) { request throws(FrontError) in
            try await rename(request)
        }
        table.add(
            "/get_weights_by_name", methods: [.get, .post], access: .admin,
            about: RouteDocument("The first rows of a tensor", body: Self.readRules)
        ) { request throws(FrontError) in
            try await read(request)
        }
    }

    // MARK: Update

    private static let updateRules = [
        FieldRule("model_path", .string, isRequired: true), FieldRule("load_format", .string),
        FieldRule("abort_all_requests", .bool),
        FieldRule("weight_version", .string), FieldRule("flush_cache", .bool), FieldRule("keep_pause", .bool),
        FieldRule("is_async", .bool), FieldRule("torch_empty_cache", .bool),
        FieldRule("recapture_cuda_graph", .bool), FieldRule("token_step", .integer),
    ]
    private static let paused: JSONObject = ["num_paused_requests": 0]

    private func update(_ request: FrontRequest) async throws(FrontError) -> Response {
        let body = try await service.object(request)
        try body.check(Self.updateRules)
        let path = body.given("model_path")?.stringValue ?? ""
        try service.abortAll(if: body.given("abort_all_requests")?.boolValue ?? false)
        let update = WeightUpdate(
            path: path, format: body.given("load_format")?.stringValue,
            version: body.given("weight_version")?.stringValue,
            flushesCache: body.given("flush_cache")?.boolValue ?? true)
        switch try await service.control(.updateWeights(update)) {
        case .done(let message): return .json(["success": true, "message": .string(message), "num_paused_requests": 0])
        case .failed(let message): throw .control(message, extra: Self.paused)
        case .rows: preconditionFailure("an update makes no rows")
        }
    }

    // MARK: Name

    private static let renameRules = [
        FieldRule("new_version", .string, isRequired: true), FieldRule("abort_all_requests", .bool),
    ]

    private func rename(_ request: FrontRequest) async throws(FrontError) -> Response {
        let body = try await service.object(request)
        try body.check(Self.renameRules)
        let version = body.given("new_version")?.stringValue ?? ""
        try service.abortAll(if: body.given("abort_all_requests")?.boolValue ?? true)
        switch try await service.control(.nameWeights(version: version)) {
        case .done(let message):
            return .json(["success": true, "message": .string(message), "new_version": .string(version)])
        case .failed(let message): throw .control("Failed to update weight version: \(message)")
        case .rows: preconditionFailure("a name makes no rows")
        }
    }

    // MARK: Read

    private static let readRules = [
        FieldRule("name", .string, isRequired: true), FieldRule("truncate_size", .integer),
    ]

    private func read(_ request: FrontRequest) async throws(FrontError) -> Response {
        let body = try await service.object(request)
        try body.check(Self.readRules)
        let name = body.given("name")?.stringValue ?? ""
        let count = body.given("truncate_size")?.intValue ?? 100
        switch try await service.control(.readWeights(name: name, rowCount: count)) {
        case .rows(let json): return .json(bytes: Array(json.utf8))
        case .failed(let message): throw .refused(message)
        case .done: preconditionFailure("reading makes rows")
        }
    }
}

extension FrontService {
    /// Seconds after which a call that the scheduler took, and may still be at work on, is given up.
    private static let controlPatience = 86_400.0

    /// Where the weights in service came from, as it was given.
    var modelPath: String { monitor.ring.ready?.modelPath ?? configuration.modelPath }

    /// An update names the model after the new weights.
    var servedModelName: String { monitor.ring.ready?.modelPath ?? configuration.servedModelName }

    /// Asks the scheduler, and waits as long as it takes.
    func control(_ call: ControlCall) async throws(FrontError) -> ControlReply {
        _ = try scheduler()
        let reply = await monitor.control(within: Self.controlPatience) { number in
            ring.post(.control(call: number, call))
        }
        guard let reply else { throw .unavailable("The scheduler ended before it answered; try again later.") }
        return reply
    }

    /// Ends everything in flight before what is asked next, unless nothing can be asked.
    func abortAll(if isWanted: Bool) throws(FrontError) {
        _ = try scheduler()
        if isWanted { board.abortAll() }
    }
}
