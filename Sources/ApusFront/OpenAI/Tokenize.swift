import ApusJSON
import ApusWire
import Hummingbird

/// `POST /tokenize`, `POST /detokenize` and their `/v1` names.
struct TokenizeRoutes: Sendable {
    let service: FrontService

    private static let tokenizeRules = [
        FieldRule("prompt", .stringOrList), FieldRule("add_special_tokens", .bool),
    ]
    private static let detokenizeRules = [
        FieldRule("tokens", .integersOrLists), FieldRule("skip_special_tokens", .bool),
    ]

    func add(to table: inout RouteTable) {
        table.add("/tokenize", "/v1/tokenize", methods: [.post]) { request throws(FrontError) in
            try await answer(request, tokenize)
        }
        table.add("/detokenize", "/v1/detokenize", methods: [.post]) { request throws(FrontError) in
            try await answer(request, detokenize)
        }
    }

    private func answer(
        _ request: FrontRequest, _ handle: @escaping @Sendable (JSONObject) throws(FrontError) -> JSONValue
    ) async throws(FrontError) -> Response {
        try JSONBody.checkType(request.http)
        let received = try await service.bodies.read(request.http, request.channel)
        let bytes = try await service.work.run(size: received.bytes.readableBytes) { () throws(FrontError) in
            try handle(try JSONBody.parse(received.bytes)).serialized
        }
        return .json(bytes: bytes)
    }

    // MARK: Tokenize

    @Sendable
    private func tokenize(_ body: JSONObject) throws(FrontError) -> JSONValue {
        let prompt = body.given("prompt")
        guard (prompt == nil) != (body.given("messages") == nil) else {
            throw .schema("Exactly one of 'prompt' or 'messages' must be provided.")
        }
        guard let prompt else {
            throw .openAI(
                status: 400, kind: "BadRequestError", "messages is not supported by this version yet.")
        }
        try body.check(Self.tokenizeRules)
        let addsSpecials = body.given("add_special_tokens")?.boolValue ?? true
        let length = service.codec.modelMaxLength ?? service.monitor.ring.ready?.contextLength
        let limit = length.map { JSONValue($0) } ?? .null
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
        guard let tokens = body.given("tokens")?.arrayValue else {
            throw .schema("tokens: expected \(FieldShape.integersOrLists.words)")
        }
        try body.check(Self.detokenizeRules)
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
