import ApusCore
import ApusJSON
import ApusJinja
import ApusText
import Hummingbird

/// `POST|PUT /v1/rerank`: cross-encoders and other classifiers of pairs, and rerankers that answer yes or no.
struct RerankRoute: Sendable {
    let service: FrontService

    private struct Body: Sendable {
        var query: String
        var documents: [String]
        var topCount: Int?
        var returnsDocuments: Bool
        var instruction: String?
    }

    static let rules = [
        FieldRule("query", .any, isRequired: true), FieldRule("documents", .strings, isRequired: true),
        FieldRule("top_n", .integer),
        FieldRule("return_documents", .bool), FieldRule("instruct", .string),
    ]

    func respond(_ request: FrontRequest) async throws(FrontError) -> Response {
        let receivedAt = Clocks.unix()
        try JSONBody.checkType(request.http)
        let scope = service.scope(of: request)
        defer { scope.end() }
        do throws(FrontError) {
            let received = try await service.bodies.read(request.http, request.channel)
            let size = received.bytes.readableBytes
            let body = try await service.work.run(size: size) { () throws(FrontError) in
                try Self.read(JSONBody.parse(received.bytes))
            }
            if let answersYes = service.codec.chatTemplate, answersYes.source.contains(Self.phrase) {
                return .json(try await judged(body, answersYes, size: size, scope: scope))
            }
            return .json(try await classified(body, size: size, scope: scope, receivedAt: receivedAt))
        } catch {
            throw error.openAI
        }
    }

    private static func read(_ body: JSONObject) throws(FrontError) -> Body {
        try body.check(rules)
        let query = body.given("query") ?? .null
        let list = (body.given("documents")?.arrayValue ?? []).compactMap(\.stringValue)
        let top = body.given("top_n")?.intValue
        guard top ?? 1 >= 1 else { throw .schema("Value error, parameter top_n should be larger than 0.") }
        let text = try text(of: query)
        guard !text.isEmpty else { throw .badRequest("Query cannot be empty") }
        guard !VectorInput.isBlank(text) else { throw .badRequest("Query cannot be empty or whitespace only") }
        guard !list.isEmpty else { throw .badRequest("Documents cannot be empty") }
        var documents: [String] = []
        for document in list {
            guard !document.isEmpty else { throw .badRequest("Each document must be a non-empty string") }
            guard !VectorInput.isBlank(document) else {
                throw .badRequest("Each document cannot be empty or whitespace only")
            }
            documents.append(document)
        }
        return Body(
            query: text, documents: documents, topCount: top,
            returnsDocuments: body.given("return_documents")?.boolValue ?? true,
            instruction: body.given("instruct")?.stringValue)
    }

    /// A string, or content parts of which the texts count.
    private static func text(of query: JSONValue) throws(FrontError) -> String {
        if let text = query.stringValue { return text }
        guard let parts = query.arrayValue, parts.allSatisfy({ $0["text"]?.stringValue != nil }) else {
            throw .schema("query: expected a string or an array of text parts")
        }
        return parts.compactMap { $0["text"]?.stringValue }.joined(separator: " ")
    }

    // MARK: - Classifiers

    private func classified(
        _ body: Body, size: Int, scope: RequestScope, receivedAt: Double
    ) async throws(FrontError) -> JSONValue {
        let traits = try service.embeddingTraits()
        guard traits.labels != nil else {
            throw .refused("This model makes embeddings and no scores: /v1/rerank needs a cross-encoder.")
        }
        guard traits.width == 1 else {
            throw .refused("This model has \(traits.width) classes: /v1/rerank needs a model with one.")
        }
        let plan = EmbeddingPlan(
            texts: body.documents.map { .pair(body.query, $0) }, rids: nil, dimensions: nil)
        let result = try await service.embed(plan, size: size, scope: scope, receivedAt: receivedAt)
        let now = Clocks.unix()
        return Self.ranked(
            body, scores: result.answers.map { Double($0.vector[0]) },
            metaInfo: result.answers.map { $0.metaInfo(result, now: now) })
    }

    // MARK: - Rerankers that answer yes or no

    /// What the chat template of such a model says (Qwen3-Reranker).
    private static let phrase = "answer can only be \"yes\" or \"no\""

    private func judged(
        _ body: Body, _ template: ChatTemplate, size: Int, scope: RequestScope
    ) async throws(FrontError) -> JSONValue {
        guard !service.configuration.isEmbedding else {
            throw .refused(
                "Detected Qwen3 reranker chat template, but the server is not in generation mode. Please relaunch "
                    + "without --is-embedding for Qwen3-Reranker models.")
        }
        let codec = service.codec
        guard let yes = codec.tokenID(of: "yes"), let no = codec.tokenID(of: "no") else {
            throw .refused("The tokenizer has no tokens 'yes' and 'no'.")
        }
        let prompts = try await service.work.run(size: size) { () throws(FrontError) in
            var prompts: [LabelPrompt] = []
            for document in body.documents {
                let text = try Self.prompt(template, body, document)
                do {
                    prompts.append(
                        LabelPrompt(ids: try codec.encode(text, addSpecialTokens: false), labels: [yes, no]))
                } catch {
                    throw .refused("The prompt cannot be tokenized: \(error)")
                }
            }
            return prompts
        }
        let rows = try await service.labelLogprobs(prompts, scope: scope)
        return Self.ranked(
            body, scores: rows.map { Softmax.of($0)[0] }, metaInfo: rows.map { _ in .null })
    }

    private static func prompt(
        _ template: ChatTemplate, _ body: Body, _ document: String
    ) throws(FrontError) -> String {
        var variables: [String: Value] = ["add_generation_prompt": .bool(true)]
        variables["messages"] = .list(
            [body.query, document].map { Value(.object(["role": "user", "content": .string($0)])) })
        if let instruction = body.instruction { variables["instruct"] = .string(instruction) }
        do {
            return try template.render(variables, now: Clocks.unix())
        } catch {
            throw .openAI(status: 400, kind: "BadRequest", "\(error)")
        }
    }

    /// Best first; of equals the earlier one.
    private static func ranked(_ body: Body, scores: [Double], metaInfo: [JSONValue]) -> JSONValue {
        let order = scores.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
        let items = order.prefix(body.topCount ?? .max).map { index -> JSONValue in
            var item: JSONObject = ["score": .double(scores[index])]
            if body.returnsDocuments { item["document"] = .string(body.documents[index]) }
            item["index"] = JSONValue(index)
            item["meta_info"] = metaInfo[index]
            return .object(item)
        }
        return .array(items)
    }
}
