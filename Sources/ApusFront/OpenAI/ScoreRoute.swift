import ApusCore
import ApusJSON
import ApusWire
import Hummingbird

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// `POST /v1/score`: probabilities of label tokens after a query with each item, or a classifier's numbers for it.
struct ScoreRoute: Sendable {
    let service: FrontService

    private struct Outcome: Sendable {
        var scores: [[Double]]
        /// One row an item when they were asked for.
        var logprobs: [[Double]]?
        var promptTokens: Int
    }

    func add(to table: inout RouteTable) {
        table.add(
            "/v1/score", methods: [.post],
            about: RouteDocument("Probabilities of label tokens behind a query and items", body: ScoreBody.rules)
        ) { request throws(FrontError) in try await respond(request) }
    }

    private func respond(_ request: FrontRequest) async throws(FrontError) -> Response {
        let receivedAt = Clocks.unix()
        try JSONBody.checkType(request.http)
        let scope = service.scope(of: request)
        defer { scope.end() }
        do throws(FrontError) {
            let received = try await service.bodies.read(request.http, request.channel)
            let size = received.bytes.readableBytes
            let isGeneration = !service.configuration.isEmbedding
            let body = try await service.work.run(size: size) { () throws(FrontError) in
                try ScoreBody(JSONBody.parse(received.bytes), needsLabels: isGeneration)
            }
            if let traits = service.configuration.embedding, traits.labels == nil {
                throw .refused(
                    "This model makes embeddings and no scores: /v1/score needs a model that generates or classifies.")
            }
            let outcome =
                isGeneration
                ? try await labelled(body, size: size, scope: scope)
                : try await classified(body, size: size, scope: scope, receivedAt: receivedAt)
            return .json([
                "scores": Self.json(outcome.scores), "pooled_hidden_states": nil,
                "token_logprobs": outcome.logprobs.map(Self.json) ?? .null, "model": .string(body.model),
                "usage": OpenAIUsage.prompts(outcome.promptTokens), "object": "scoring",
            ])
        } catch {
            throw error.openAI
        }
    }

    private func labelled(_ body: ScoreBody, size: Int, scope: RequestScope) async throws(FrontError) -> Outcome {
        let vocabulary = try service.scheduler().vocabularySize
        if let label = body.labels.joined().first(where: { $0 >= vocabulary }) {
            throw .refused("Token ID \(label) is out of vocabulary (vocab size: \(vocabulary))")
        }
        let codec = service.codec
        let prompts = try await service.work.run(size: size) { () throws(FrontError) in
            var prompts: [LabelPrompt] = []
            for (text, labels) in zip(body.texts, body.labels) {
                let ids: [Int32]
                switch text {
                case .ids(let given):
                    guard given.allSatisfy({ (0..<vocabulary).contains($0) }) else {
                        throw .refused("A token ID is out of vocabulary (vocab size: \(vocabulary))")
                    }
                    ids = given.map(Int32.init)
                case .text(let text), .pair(let text, _):
                    do {
                        ids = try codec.encode(text, addSpecialTokens: true)
                    } catch {
                        throw .refused("The prompt cannot be tokenized: \(error)")
                    }
                }
                prompts.append(LabelPrompt(ids: ids, labels: labels.map(Int32.init)))
            }
            return prompts
        }
        let rows = try await service.labelLogprobs(prompts, scope: scope)
        return Outcome(
            scores: rows.map {
                body.appliesSoftmax ? Softmax.of($0, temperature: body.temperature) : $0.map { exp($0) }
            },
            logprobs: body.returnsLogprobs ? rows : nil,
            promptTokens: prompts.reduce(0) { $0 + $1.ids.count })
    }

    private func classified(
        _ body: ScoreBody, size: Int, scope: RequestScope, receivedAt: Double
    ) async throws(FrontError) -> Outcome {
        let plan = EmbeddingPlan(texts: body.texts, rids: nil, dimensions: nil)
        let result = try await service.embed(plan, size: size, scope: scope, receivedAt: receivedAt)
        let rows = result.answers.map { $0.vector.map(Double.init) }
        return Outcome(
            scores: body.appliesSoftmax ? rows.map { Softmax.of($0, temperature: body.temperature) } : rows,
            logprobs: nil, promptTokens: result.promptTokens)
    }

    private static func json(_ rows: [[Double]]) -> JSONValue {
        .array(rows.map { .array($0.map { .double($0) }) })
    }
}
