import ApusCore
import ApusJSON
import Hummingbird

/// `POST|PUT /encode` and `/classify`, which are one.
struct EncodeRoute: Sendable {
    let service: FrontService

    private static let rules = [
        FieldRule("text", .any),
        FieldRule("input_ids", .integersOrLists), FieldRule("dimensions", .integer),
        FieldRule("rid", .stringOrList), FieldRule("is_cross_encoder_request", .bool),
    ]
    /// What would change the answer and is not done.
    private static let unsupported = ["image_data", "video_data", "audio_data", "lora_path", "priority"]

    func add(to table: inout RouteTable) {
        table.add(
            "/encode", "/classify", methods: [.post, .put],
            about: RouteDocument("Vectors of texts, or a classifier's numbers", body: Self.rules)
        ) { request throws(FrontError) in
            try await respond(request)
        }
    }

    private func respond(_ request: FrontRequest) async throws(FrontError) -> Response {
        let receivedAt = Clocks.unix()
        try JSONBody.checkType(request.http)
        let scope = service.scope(of: request)
        defer { scope.end() }
        let received = try await service.bodies.read(request.http, request.channel)
        let size = received.bytes.readableBytes
        let traits = try service.embeddingTraits()
        let (plan, isBatch) = try await service.work.run(size: size) { () throws(FrontError) in
            try Self.plan(JSONBody.parse(received.bytes))
        }
        let result = try await service.embed(plan, size: size, scope: scope, receivedAt: receivedAt)
        let now = Clocks.unix()
        let objects = result.answers.map { answer -> JSONValue in
            [
                "embedding": Self.json(answer.vector, isLone: traits.isCrossEncoder),
                "meta_info": answer.metaInfo(result, now: now),
            ]
        }
        return .json(isBatch ? .array(objects) : objects[0])
    }

    /// A cross-encoder's one score is a plain number.
    private static func json(_ vector: [Float], isLone: Bool) -> JSONValue {
        if isLone, vector.count == 1 { return .double(Double(vector[0])) }
        return .array(vector.map { .double(Double($0)) })
    }

    static func plan(_ body: JSONObject) throws(FrontError) -> (EmbeddingPlan, isBatch: Bool) {
        try body.check(rules)
        for name in unsupported where body.given(name) != nil { throw .notYet(name) }
        let (texts, isBatch) = try texts(body)
        var plan = EmbeddingPlan(texts: texts, rids: nil, dimensions: body.given("dimensions")?.intValue)
        if let rid = body.given("rid") {
            let rids = rid.stringValue.map { [$0] } ?? rid.arrayValue?.compactMap(\.stringValue) ?? []
            guard (rid.arrayValue != nil) == isBatch, rids.count == texts.count else {
                throw .refused(
                    "The specified rids length mismatch with the batch_size for batch processing.")
            }
            if let twice = Dictionary(grouping: rids, by: \.self).filter({ $0.value.count > 1 }).keys.min() {
                throw .refused("Duplicate request IDs detected within the request: [\"\(twice)\"]")
            }
            if let long = rids.first(where: { $0.utf8.count > 256 }) {
                throw .refused("rid may have at most 256 bytes, got \(long.utf8.count).")
            }
            plan.rids = rids
        }
        return (plan, isBatch)
    }

    private static func texts(_ body: JSONObject) throws(FrontError) -> ([EmbeddingText], isBatch: Bool) {
        let ids = body.given("input_ids")
        guard let text = body.given("text") else {
            guard let ids else {
                throw .refused("At least one of text, input_ids, image, video, or audio should be provided")
            }
            return try texts(ids: ids)
        }
        guard ids == nil else { throw .refused("text and input_ids cannot be provided at the same time") }
        if let text = text.stringValue { return ([.text(text)], false) }
        guard let list = text.arrayValue else {
            throw .schema("text: expected a string or an array of strings or of pairs of strings")
        }
        var texts: [EmbeddingText] = []
        for item in list {
            if let text = item.stringValue {
                texts.append(.text(text))
            } else if let pair = item.arrayValue, pair.count == 2, let first = pair[0].stringValue,
                let second = pair[1].stringValue
            {
                texts.append(.pair(first, second))
            } else {
                throw .schema("text: expected a string or an array of strings or of pairs of strings")
            }
        }
        return (texts, true)
    }

    private static func texts(ids: JSONValue) throws(FrontError) -> ([EmbeddingText], isBatch: Bool) {
        let list = ids.arrayValue ?? []
        guard let first = list.first else { throw .refused("input_ids cannot be empty.") }
        guard first.arrayValue != nil else { return ([.ids(list.compactMap(\.intValue))], false) }
        return (list.map { .ids(($0.arrayValue ?? []).compactMap(\.intValue)) }, true)
    }
}
