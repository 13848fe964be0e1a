import ApusCore
import ApusJSON
import Hummingbird

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// OpenAI-style routes over models that make vectors: `/v1/embeddings`, `/v1/classify`, `/v1/rerank`.
struct VectorRoutes: Sendable {
    let service: FrontService

    func add(to table: inout RouteTable) {
        table.add(
            "/v1/embeddings", methods: [.post], about: RouteDocument("Vectors of texts", body: EmbeddingsBody.rules)
        ) { request throws(FrontError) in
            try await respond(request, EmbeddingsBody.init) { body, result in embeddings(body, result) }
        }
        table.add(
            "/v1/classify", methods: [.post], about: RouteDocument("Classes of texts", body: ClassifyBody.rules)
        ) { request throws(FrontError) in
            try await respond(request, ClassifyBody.init) { _, result in classes(result) }
        }
        let rerank = RerankRoute(service: service)
        table.add(
            "/v1/rerank", methods: [.put, .post],
            about: RouteDocument("Order documents by how well they answer a query", body: RerankRoute.rules)
        ) { request throws(FrontError) in
            try await rerank.respond(request)
        }
    }

    /// What every route does: the body understood on a worker, the vectors, the answer.
    private func respond<Body: VectorBody>(
        _ request: FrontRequest, _ read: @escaping @Sendable (JSONObject) throws(FrontError) -> Body,
        _ answer: (Body, EmbeddingResult) -> JSONValue
    ) async throws(FrontError) -> Response {
        let receivedAt = Clocks.unix()
        try JSONBody.checkType(request.http)
        let scope = service.scope(of: request)
        defer { scope.end() }
        do throws(FrontError) {
            let received = try await service.bodies.read(request.http, request.channel)
            let size = received.bytes.readableBytes
            let body = try await service.work.run(size: size) { () throws(FrontError) in
                try read(JSONBody.parse(received.bytes))
            }
            let result = try await service.embed(body.plan, size: size, scope: scope, receivedAt: receivedAt)
            return .json(answer(body, result))
        } catch {
            throw error.openAI
        }
    }

    private func embeddings(_ body: EmbeddingsBody, _ result: EmbeddingResult) -> JSONValue {
        let data = result.answers.enumerated().map { index, answer -> JSONValue in
            let vector: JSONValue =
                body.isBase64
                ? .string(Base64.encode(answer.vector)) : .array(answer.vector.map { .double(Double($0)) })
            return ["embedding": vector, "index": JSONValue(index), "object": "embedding"]
        }
        return [
            "data": .array(data), "model": .string(service.configuration.modelPath), "object": "list",
            "usage": OpenAIUsage.prompts(result.promptTokens),
        ]
    }

    /// A model without classes has one, as the reference has it.
    private func classes(_ result: EmbeddingResult) -> JSONValue {
        let labels = service.configuration.embedding?.labels
        let data = result.answers.enumerated().map { index, answer -> JSONValue in
            let probabilities = labels == nil ? [1] : Softmax.of(answer.vector.map(Double.init))
            let best = probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0
            return [
                "index": JSONValue(index), "label": .string(labels?[best] ?? "Default"),
                "probs": .array(probabilities.map { .double($0) }), "num_classes": JSONValue(probabilities.count),
            ]
        }
        return [
            "id": .string("classify-\(RequestID.random())"), "object": "list",
            "created": JSONValue(Int(result.receivedAt)), "model": .string(service.configuration.modelPath),
            "data": .array(data), "usage": OpenAIUsage.prompts(result.promptTokens),
        ]
    }
}

/// A body that asks for vectors.
protocol VectorBody: Sendable {
    var plan: EmbeddingPlan { get }
}

extension OpenAIUsage {
    /// The usage of a request that generates nothing.
    static func prompts(_ tokens: Int) -> JSONValue {
        [
            "prompt_tokens": JSONValue(tokens), "total_tokens": JSONValue(tokens), "completion_tokens": 0,
            "prompt_tokens_details": nil, "reasoning_tokens": 0, "completion_tokens_details": nil,
        ]
    }
}

enum Softmax {
    /// exp(x_i / temperature) over their sum; the largest is taken out first, so that nothing overflows.
    static func of(_ numbers: [Double], temperature: Double = 1) -> [Double] {
        let largest = numbers.max() ?? 0
        // All equally impossible: all alike.
        guard largest > -.infinity else { return numbers.map { _ in 1 / Double(numbers.count) } }
        let powers = numbers.map { exp(($0 - largest) / temperature) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }
}
