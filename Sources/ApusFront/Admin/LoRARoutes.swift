import ApusJSON
import Hummingbird

/// `/load_lora_adapter` and `/unload_lora_adapter`: this server applies no adapters, and says so in the words that
/// clients of these routes read.
struct LoRARoutes: Sendable {
    let service: FrontService

    private static let loadRules = [
        FieldRule("lora_name", .string, isRequired: true), FieldRule("lora_path", .string, isRequired: true),
        FieldRule("pinned", .bool),
    ]
    private static let unloadRules = [FieldRule("lora_name", .string, isRequired: true)]

    func add(to table: inout RouteTable) {
        table.add(
            "/load_lora_adapter", methods: [.post], access: .admin,
            about: RouteDocument("Refused: no adapters are applied", body: Self.loadRules)
        ) { request throws(FrontError) in try await refuse(request, Self.loadRules) }
        table.add(
            "/unload_lora_adapter", methods: [.post], access: .admin,
            about: RouteDocument("Refused: no adapters are applied", body: Self.unloadRules)
        ) { request throws(FrontError) in try await refuse(request, Self.unloadRules) }
    }

    private func refuse(_ request: FrontRequest, _ rules: [FieldRule]) async throws(FrontError) -> Response {
        try (try await service.object(request)).check(rules)
        return .json(
            [
                "rid": nil, "http_worker_ipc": nil, "success": false,
                "error_message": "LoRA is not enabled. Please set `--enable-lora` to enable LoRA.",
                "loaded_adapters": nil,
            ], status: .badRequest)
    }
}
