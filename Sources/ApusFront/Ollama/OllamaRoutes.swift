import ApusCore
import ApusJSON
import ApusObserve
import ApusWire
import Hummingbird

/// `/api/…`: the model in the words of Ollama.
struct OllamaRoutes: Sendable {
    let service: FrontService

    private static let showRules = [
        FieldRule("model", .string), FieldRule("name", .string), FieldRule("verbose", .bool),
    ]
    private static let embedRules = [
        FieldRule("model", .string, isRequired: true), FieldRule("input", .stringOrList, isRequired: true),
        FieldRule("dimensions", .integer), FieldRule("truncate", .bool), FieldRule("options", .object),
        FieldRule("keep_alive", .any),
    ]

    func add(to table: inout RouteTable) {
        let setting = ChatRequest.Setting(service)
        let service = service
        let chat = OpenAIRoute(service: service, dialect: .ollama) { body throws(FrontError) in
            try OllamaRequest(
                chat: body, setting, model: service.servedModelName, context: try service.scheduler().contextLength)
        }
        let generate = OpenAIRoute(service: service, dialect: .ollama) { body throws(FrontError) in
            try OllamaRequest(
                generate: body, setting, model: service.servedModelName, context: try service.scheduler().contextLength)
        }
        table.add(
            "/api/chat", methods: [.post],
            about: RouteDocument(
                "Answer in a conversation, in the words of Ollama", body: OllamaBody.chatRules, answer: .lines),
            chat.respond)
        table.add(
            "/api/generate", methods: [.post],
            about: RouteDocument(
                "Continue a prompt, in the words of Ollama", body: OllamaBody.generateRules, answer: .lines),
            generate.respond)
        table.add("/api/tags", methods: [.get], about: RouteDocument("The model served, in the words of Ollama")) {
            _ throws(FrontError) in .json(["models": [.object(card)]])
        }
        table.add("/api/ps", methods: [.get], about: RouteDocument("The model in memory, in the words of Ollama")) {
            _ throws(FrontError) in
            var card = card
            card["expires_at"] = .string(LogLine.utcTime(Clocks.unix() + 86_400))
            card["size_vram"] = 0
            return .json(["models": [.object(card)]])
        }
        table.add("/api/version", methods: [.get], about: RouteDocument("The server's version")) {
            _ throws(FrontError) in .json(["version": .string(service.configuration.version)])
        }
        table.add(
            "/api/show", methods: [.post],
            about: RouteDocument("About the model, in the words of Ollama", body: Self.showRules)
        ) { request throws(FrontError) in
            try await show(request)
        }
        table.add(
            "/api/embed", methods: [.post],
            about: RouteDocument("Vectors of texts, in the words of Ollama", body: Self.embedRules)
        ) { request throws(FrontError) in
            do throws(FrontError) { return try await embed(request) } catch { throw error.ollama }
        }
    }

    // MARK: - The model

    /// Ollama's catalogue knows sizes and hashes, which a folder of weights does not say at once.
    private var card: JSONObject {
        let name = service.servedModelName
        return [
            "name": .string(name), "model": .string(name),
            "modified_at": .string(LogLine.utcTime(service.startedAt)), "size": 0,
            "digest": .string("sha256:" + String(repeating: "0", count: 64)),
            "details": ["format": "sglang", "family": .string(Self.family(name)), "parameter_size": "unknown"],
        ]
    }

    private static func family(_ name: String) -> String { name.split(separator: "/").last.map(String.init) ?? name }

    private func show(_ request: FrontRequest) async throws(FrontError) -> Response {
        let body = try await service.object(request, acceptsForm: true)
        try body.check(Self.showRules)
        let asked = body.given("model")?.stringValue ?? body.given("name")?.stringValue
        let name = asked ?? service.servedModelName
        let context = service.monitor.ring.ready?.contextLength ?? 0
        let family = Self.family(name)
        let capability: JSONValue = service.configuration.isEmbedding ? "embedding" : "completion"
        let facts: [(String, JSONValue)] = [
            ("general.architecture", .string(family)), ("general.name", .string(name)),
            ("general.parameter_count", 0), ("\(family).context_length", JSONValue(context)),
            ("\(family).block_count", 0), ("\(family).embedding_length", 0),
            ("\(family).attention.head_count", 0),
        ]
        return .json([
            "license": "", "modelfile": .string("FROM \(name)\nPARAMETER num_ctx \(context)\n"),
            "parameters": .string("num_ctx \(context)"), "template": "",
            "modified_at": .string(LogLine.utcTime(service.startedAt)),
            "details": [
                "parent_model": "", "format": "sglang", "family": .string(family), "families": [.string(family)],
                "parameter_size": "unknown", "quantization_level": "",
            ],
            "model_info": .object(JSONObject(facts)),
            "capabilities": [capability],
        ])
    }

    // MARK: - Vectors

    private func embed(_ request: FrontRequest) async throws(FrontError) -> Response {
        let receivedAt = Clocks.unix()
        let scope = service.scope(of: request)
        defer { scope.end() }
        let body = try await service.object(request, acceptsForm: true)
        try body.check(Self.embedRules)
        let input = body.given("input") ?? .null
        let texts = input.stringValue.map { [$0] } ?? (input.arrayValue ?? []).compactMap(\.stringValue)
        let size = texts.reduce(0) { $0 + $1.utf8.count }
        let plan = EmbeddingPlan(
            texts: texts.map { .text($0) }, rids: nil, dimensions: body.given("dimensions")?.intValue)
        let result = try await service.embed(plan, size: size, scope: scope, receivedAt: receivedAt)
        return .json([
            "model": .string(service.servedModelName),
            "embeddings": .array(result.answers.map { .array($0.vector.map { .double(Double($0)) }) }),
            "total_duration": JSONValue(Int((Clocks.unix() - receivedAt) * 1e9)), "load_duration": nil,
            "prompt_eval_count": JSONValue(result.promptTokens),
        ])
    }
}
