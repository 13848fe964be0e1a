import ApusJSON

/// The body of `/v1/score`.
struct ScoreBody: Sendable {
    /// Query and item joined, one an item.
    let texts: [EmbeddingText]
    /// Label tokens, one list an item; empty for classifiers.
    let labels: [[Int]]
    let appliesSoftmax: Bool
    let temperature: Double
    let returnsLogprobs: Bool
    let model: String

    static let rules = [
        FieldRule("query", .any), FieldRule("items", .any), FieldRule("label_token_ids", .any),
        FieldRule("apply_softmax", .bool), FieldRule("item_first", .bool), FieldRule("temperature", .number),
        FieldRule("return_token_logprobs", .bool), FieldRule("return_pooled_hidden_states", .bool),
        FieldRule("model", .string),
    ]

    /// Most labels of an item.
    private static let mostLabels = 4_096

    init(_ body: JSONObject, needsLabels: Bool) throws(FrontError) {
        try body.check(Self.rules)
        appliesSoftmax = body.given("apply_softmax")?.boolValue ?? false
        temperature = body.given("temperature")?.doubleValue ?? 1
        returnsLogprobs = body.given("return_token_logprobs")?.boolValue ?? false
        model = body.given("model")?.stringValue ?? "default"
        guard body.given("return_pooled_hidden_states")?.boolValue != true else {
            throw .notYet("return_pooled_hidden_states")
        }
        guard temperature > 0 else { throw .schema("temperature: expected a number above 0") }
        guard temperature == 1 || appliesSoftmax else { throw .badRequest("temperature requires apply_softmax=True") }
        if needsLabels, body.given("label_token_ids") == nil {
            throw .badRequest("label_token_ids is required for generation (CausalLM) models.")
        }
        texts = try Self.texts(
            query: body.given("query"), items: body.given("items"),
            itemFirst: body.given("item_first")?.boolValue ?? false)
        labels = try Self.labels(body.given("label_token_ids"), count: texts.count)
    }

    // MARK: - Query and items

    private static let mixed = FrontError.badRequest("Invalid combination of query/items types for score_request.")

    private static func texts(
        query: JSONValue?, items: JSONValue?, itemFirst: Bool
    ) throws(FrontError) -> [EmbeddingText] {
        guard let items else { throw .badRequest("items must be provided") }
        guard let list = items.stringValue.map({ [JSONValue.string($0)] }) ?? items.arrayValue else {
            throw .schema("items: expected a string, an array of strings or an array of arrays of integers")
        }
        var texts: [EmbeddingText] = []
        for item in list {
            if let item = item.stringValue {
                guard let query = query.map(\.stringValue) ?? "" else { throw mixed }
                texts.append(.text(itemFirst ? item + query : query + item))
            } else if let item = integers(item) {
                guard let query = query.map(integers) ?? [] else { throw mixed }
                texts.append(.ids(itemFirst ? item + query : query + item))
            } else {
                throw mixed
            }
        }
        return texts
    }

    private static func integers(_ value: JSONValue) -> [Int]? {
        guard let list = value.arrayValue else { return nil }
        let integers = list.compactMap(\.intValue)
        return integers.count == list.count ? integers : nil
    }

    // MARK: - Labels

    private static func labels(_ value: JSONValue?, count: Int) throws(FrontError) -> [[Int]] {
        guard let value else { return [] }
        guard let list = value.arrayValue, !list.isEmpty else {
            throw .badRequest("label_token_ids must be a nonempty list")
        }
        var rows: [[JSONValue]] = Array(repeating: list, count: count)
        if list[0].arrayValue != nil {
            guard list.count == count, list.allSatisfy({ $0.arrayValue != nil }) else {
                throw .badRequest("label_token_ids must have one list per item")
            }
            rows = list.compactMap(\.arrayValue)
        } else {
            _ = try checked(list)
        }
        var labels: [[Int]] = []
        for row in rows { labels.append(try checked(row)) }
        return labels
    }

    private static func checked(_ row: [JSONValue]) throws(FrontError) -> [Int] {
        guard !row.isEmpty else { throw .badRequest("each item must have a nonempty candidate list") }
        var labels: [Int] = []
        for value in row {
            guard let label = value.intValue, label >= 0 else {
                throw .badRequest("label_token_ids must contain nonnegative integers")
            }
            labels.append(label)
        }
        guard Set(labels).count == labels.count else {
            throw .badRequest("label_token_ids must not contain duplicate tokens")
        }
        guard labels.count <= mostLabels else {
            throw .badRequest("label_token_ids may have at most \(mostLabels) tokens, got \(labels.count)")
        }
        return labels
    }
}
