import ApusCore
import ApusJSON
import ApusTestSupport
import ApusWire
import HTTPTypes
import Testing

@testable import ApusFront

/// No body may harm the server or reach the scheduler with something that could harm others there.
@Suite struct FuzzTests {
    private static let values: [JSONValue] = [
        nil, true, false, 0, 1, -1, 2, 5, 127, 128, 129, 299, 300, 0.5, -0.5, 1.5, 1e-300, 1e300, "", "a", "abc",
        "\u{0}", [], [[]], [1], [1, 2], [1.5], [true, false], ["a"], ["a", "b"], ["a", 1], [[1], [2]], [[1], 2], [:],
        [[:], [:]], ["a": 1], .integer(.max), .integer(.min), ["max_new_tokens": 3], [["n": 2], ["n": 2]],
        ["1": 2.5], ["-1": 1], [299, 300], .string(String(repeating: "x", count: 200)),
    ]

    @Test(arguments: 0..<4)
    func anyBodyIsAnswered(_ seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        var bodies: [JSONValue] = []
        for _ in 0..<250 { bodies.append(.object(Self.body(&random))) }
        try await withFront(configure: { $0.maximumBatch = 64 }) { [bodies] server in
            for body in bodies {
                let answer = try await server.generate(body)
                #expect(answer.status == 200 || answer.status == 400, "\(body) \(answer.text)")
                guard answer.headers[.contentType]?.hasPrefix("text/event-stream") == true else {
                    #expect(answer.json != nil, "\(body)")
                    continue
                }
                #expect(answer.frames.last == "[DONE]", "\(body)")
                #expect(answer.events.count == answer.frames.count - 1, "\(body)")
            }
            #expect(server.ring.requests.count > 60, "many bodies are sensible")
            for request in server.ring.requests { Self.check(request) }
        }
    }

    /// A sensible body with up to two members that may be anything: with more, hardly one would get beyond the checks.
    private static func body(_ random: inout SeededRandom) -> JSONObject {
        var body: JSONObject = ["text": Bool.random(using: &random) ? "abc" : ["ab", "c"]]
        var sampling: JSONObject = ["max_new_tokens": 3]
        var isReplaced = false
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            if Bool.random(using: &random), let field = SamplingFields.all.randomElement(using: &random) {
                sampling[field.name] = value(&random)
            } else if let rule = GenerateFields.rules.randomElement(using: &random) {
                body[rule.name] = value(&random)
                isReplaced = isReplaced || rule.name == "sampling_params"
            }
        }
        if !isReplaced { body["sampling_params"] = .object(sampling) }
        if Int.random(in: 0..<4, using: &random) == 0 { body["stream"] = true }
        return body
    }

    private static func value(_ random: inout SeededRandom) -> JSONValue {
        values.randomElement(using: &random) ?? nil
    }

    private static func check(_ request: GenerateRequest) {
        let sampling = request.sampling
        let isToken = { (id: Int32) in (0..<300).contains(id) }
        #expect(!request.inputIDs.isEmpty && request.inputIDs.allSatisfy(isToken))
        #expect(request.inputIDs.count < FakeRing.contextLength)
        #expect(request.streamInterval >= 1)
        #expect(sampling.temperature > 0 && sampling.temperature.isFinite)
        #expect(sampling.topP > 0 && sampling.topP <= 1)
        #expect((0...1).contains(sampling.minP))
        #expect(sampling.topK.map { (1..<300).contains($0) } ?? true)
        #expect(sampling.repetitionPenalty > 0 && sampling.repetitionPenalty <= 2)
        #expect(sampling.logitBias.keys.allSatisfy(isToken) && sampling.logitBias.values.allSatisfy(\.isFinite))
        #expect(sampling.stopTokenIDs.allSatisfy(isToken))
        #expect(sampling.maxNewTokens.map { $0 >= sampling.minNewTokens && sampling.minNewTokens >= 0 } ?? true)
        guard let logprobs = request.logprobs else { return }
        #expect(logprobs.promptStart.map { (0..<request.inputIDs.count).contains($0) } ?? true)
        #expect((0...300).contains(logprobs.topCount) && logprobs.tokenIDs.allSatisfy(isToken))
    }
}
