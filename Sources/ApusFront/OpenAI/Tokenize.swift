import ApusJSON
import ApusWire
import Hummingbird

/// `POST /tokenize`, `POST /detokenize` and their `/v1` names.
struct TokenizeRoutes: Sendable {
    let service: FrontService

    private static let tokenizeRules =
        ChatPrompt.rules + [
            FieldRule("prompt", .stringOrList), FieldRule("add_special_tokens", .bool), FieldRule("tool_choice", .any),
        ]
    private static let detokenizeRules = [
        FieldRule("tokens", .integersOrLists, isRequired: true), FieldRule("skip_special_tokens", .bool),
    ]

    func add(to table: inout RouteTable) {
        table.add(
            "/tokenize", "/v1/tokenize", methods: [.post],
            about: RouteDocument("Text or a chat to token ids", body: Self.tokenizeRules)
        ) { request throws(FrontError) in
            try await service.answer(request, tokenize)
        }
        table.add(
            "/detokenize", "/v1/detokenize", methods: [.post],
            about: RouteDocument("Token ids to text", body: Self.detokenizeRules)
        ) { request throws(FrontError) in
            try await service.answer(request, detokenize)
        }
    }

    // MARK: Tokenize

    @Sendable
    private func tokenize(_ body: JSONObject) throws(FrontError) -> JSONValue {
        try body.check(Self.tokenizeRules)
        let prompt = body.given("prompt")
        guard (prompt == nil) != (body.given("messages") == nil) else {
            throw .schema("Exactly one of 'prompt' or 'messages' must be provided.")
        }
        let addsSpecials = body.given("add_special_tokens")?.boolValue ?? true
        let length = service.codec.modelMaxLength ?? service.monitor.ring.ready?.contextLength
        let limit = length.map { JSONValue($0) } ?? .null
        guard let prompt else {
            let ids = try messageIDs(body, addsSpecials: body.given("add_special_tokens")?.boolValue)
            return ["tokens": Self.json(ids), "count": JSONValue(ids.count), "max_model_len": limit]
        }
        if let text = prompt.stringValue {
            let ids = try encode(text, addsSpecials)
            return ["tokens": Self.json(ids), "count": JSONValue(ids.count), "max_model_len": limit]
        }
        var tokens: [JSONValue] = []
        var counts: [JSONValue] = []
        for text in prompt.arrayValue ?? [] {
            let ids = try encode(text.stringValue ?? "", addsSpecials)
            tokens.append(Self.json(ids))
            counts.append(JSONValue(ids.count))
        }
        return ["tokens": .array(tokens), "count": .array(counts), "max_model_len": limit]
    }

    /// Ids of a chat. Rendered as for a completion unless the request says whether it wants a generation prompt.
    private func messageIDs(_ body: JSONObject, addsSpecials: Bool?) throws(FrontError) -> [Int32] {
        let tools = try OfferedTools(body["tools"])
        let showsTools = !tools.names.isEmpty && body.given("tool_choice") != "none"
        let addsPrompt = body.given("add_generation_prompt")?.boolValue
        let text = try ChatPrompt(template: service.codec.chatTemplate, codec: service.codec).text(
            body, tools: showsTools ? tools.definitions : nil, addsGenerationPrompt: addsPrompt,
            variables: service.configuration.openAI.templateVariables)
        return try encode(text, addsPrompt != nil && addsSpecials == true)
    }

    private func encode(_ text: String, _ addsSpecials: Bool) throws(FrontError) -> [Int32] {
        do {
            return try service.codec.encode(text, addSpecialTokens: addsSpecials)
        } catch {
            throw .openAI(
                status: 500, kind: "InternalServerError", "Internal server error during tokenization: \(error)")
        }
    }

    private static func json(_ ids: [Int32]) -> JSONValue { .array(ids.map { JSONValue($0) }) }

    // MARK: Detokenize

    @Sendable
    private func detokenize(_ body: JSONObject) throws(FrontError) -> JSONValue {
        try body.check(Self.detokenizeRules)
        let tokens = body.given("tokens")?.arrayValue ?? []
        let skips = body.given("skip_special_tokens")?.boolValue ?? true
        guard tokens.first?.arrayValue != nil else { return ["text": .string(try decode(tokens, skips))] }
        var texts: [JSONValue] = []
        for list in tokens { texts.append(.string(try decode(list.arrayValue ?? [], skips))) }
        return ["text": .array(texts)]
    }

    private func decode(_ tokens: [JSONValue], _ skips: Bool) throws(FrontError) -> String {
        var ids: [Int32] = []
        for token in tokens {
            guard let id = token.intValue, id >= 0, let narrow = Int32(exactly: id) else {
                throw .openAI(
                    status: 400, kind: "DecodeError",
                    "Error decoding tokens: \(token) is out of range. "
                        + "Input tokens might be invalid for the model.")
            }
            ids.append(narrow)
        }
        return service.codec.decode(ids, skipSpecialTokens: skips)
    }
}
