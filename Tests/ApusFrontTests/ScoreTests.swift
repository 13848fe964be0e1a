import ApusCore
import ApusJSON
import ApusWire
import HTTPTypes
import Testing

@testable import ApusFront

/// `/v1/score`.
@Suite struct ScoreTests {
    /// Answers each prompt with log probabilities -1, -2, … of the labels, lowered by the prompt's length.
    private static let script: FakeRing.Script = { request, ring in
        var delta = FakeRing.delta(request, 0..<1, finish: .length(1))
        let labels = request.logprobs?.tokenIDs ?? []
        delta.logprobs[0].chosen = labels.enumerated().map { index, label in
            .init(token: label, logprob: -Float(index + 1) - Float(request.inputIDs.count))
        }
        ring.say(.detokenizer(.deltas([delta])))
    }

    @Test func labelsGetProbabilities() async throws {
        try await withFront(script: Self.script) { server in
            let plain = try await server.post(
                "/v1/score",
                ["query": "ab", "items": ["c", "cd"], "label_token_ids": [5, 6], "return_token_logprobs": true]
            ).json
            let scores = try #require(plain?["scores"]?.arrayValue)
            for (row, length) in zip(scores, [3.0, 4.0]) {
                let first = try #require(row[0]?.doubleValue)
                #expect(abs(first - exponential(-1 - length)) < 1e-9)
            }
            #expect(plain?["token_logprobs"] == [[-4.0, -5.0], [-5.0, -6.0]])
            #expect(plain?["usage"]?["prompt_tokens"] == 7)
            #expect(plain?["usage"]?["completion_tokens"] == 0)
            #expect(plain?["model"] == "default")
            #expect(plain?["object"] == "scoring")

            let soft = try await server.post(
                "/v1/score",
                [
                    "query": [1, 2], "items": [[3]], "label_token_ids": [[7, 8]], "apply_softmax": true,
                    "item_first": true, "temperature": 2, "model": "m",
                ]
            ).json
            let shares = soft?["scores"]?[0]?.arrayValue?.compactMap(\.doubleValue) ?? []
            #expect(shares.count == 2)
            #expect(abs(shares.reduce(0, +) - 1) < 1e-12)
            #expect(abs(shares[0] / shares[1] - exponential(0.5)) < 1e-9)
            #expect(soft?["model"] == "m")
            #expect(soft?["token_logprobs"] == .null)
            #expect(server.ring.requests.last?.inputIDs == [3, 1, 2])
            #expect(server.ring.requests.last?.logprobs?.tokenIDs == [7, 8])
            #expect(server.ring.requests.last?.sampling.maxNewTokens == 1)

            let none = try await server.post("/v1/score", ["query": "a", "items": [], "label_token_ids": [1]]).json
            #expect(none?["scores"] == [])
            let single = try await server.post(
                "/v1/score", ["query": "a", "items": "bc", "label_token_ids": [1]]
            ).json
            #expect(single?["scores"]?.arrayValue?.count == 1)
        }
    }

    @Test(arguments: [
        (#"{"query":"a","items":["b"]}"#, "label_token_ids is required for generation (CausalLM) models."),
        (#"{"query":"a","label_token_ids":[1]}"#, "items must be provided"),
        (#"{"query":"a","items":["b"],"label_token_ids":[]}"#, "label_token_ids must be a nonempty list"),
        (
            #"{"query":"a","items":["b"],"label_token_ids":[[1],[2]]}"#,
            "label_token_ids must have one list per item"
        ),
        (
            #"{"query":"a","items":["b"],"label_token_ids":[[]]}"#,
            "each item must have a nonempty candidate list"
        ),
        (
            #"{"query":"a","items":["b"],"label_token_ids":[-1]}"#,
            "label_token_ids must contain nonnegative integers"
        ),
        (
            #"{"query":"a","items":["b"],"label_token_ids":[5,5]}"#,
            "label_token_ids must not contain duplicate tokens"
        ),
        (
            #"{"query":"a","items":["b"],"label_token_ids":[300]}"#,
            "Token ID 300 is out of vocabulary (vocab size: 300)"
        ),
        (
            #"{"query":"a","items":[[1]],"label_token_ids":[1]}"#,
            "Invalid combination of query/items types for score_request."
        ),
        (
            #"{"query":"a","items":["b"],"label_token_ids":[1],"temperature":2}"#,
            "temperature requires apply_softmax=True"
        ),
    ])
    func badRequests(_ body: String, _ message: String) async throws {
        try await withFront(script: Self.script) { server in
            let answer = try await server.send(
                .post, "/v1/score", headers: [.contentType: "application/json"], raw: body)
            #expect(answer.status == 400)
            #expect(answer.json?["message"] == .string(message))
            #expect(answer.json?["type"] == "BadRequestError")
        }
    }

    @Test func classifiersGiveTheirNumbers() async throws {
        let traits = EmbeddingTraits(width: 3, labels: ["a", "b", "c"])
        try await withFront(configure: { $0.embedding = traits }) { server in
            let answer = try await server.post("/v1/score", ["query": "a", "items": ["b", "cd"]]).json
            #expect(answer?["scores"] == [[24.375, 0.25, 0.0], [37.0, 0.375, 0.0]])
            #expect(answer?["usage"]?["prompt_tokens"] == 5)
        }
    }

    private func exponential(_ x: Double) -> Double { Softmax.of([x, 0])[0] / Softmax.of([x, 0])[1] }
}
