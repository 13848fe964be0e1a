import ApusCore
import ApusJSON
import ApusWire
import Testing

@testable import ApusFront

@Suite struct HiddenStateTests {
    /// Each row is its position twice, as the echo goes on.
    private static let script: FakeRing.Script = { request, ring in
        let count = request.sampling.maxNewTokens ?? 0
        let prompt = request.inputIDs.count
        func state(_ position: Int) -> HiddenState { HiddenState([Float(position), Float(position) / 2]) }
        var delta = FakeRing.delta(request, 0..<count, finish: .length(count))
        if request.hidden != nil { delta.hidden = (0..<count).map { state(prompt - 1 + $0) } }
        if request.hidden == .full { delta.promptHidden = (0..<prompt).map(state) }
        if request.hidden == .last { delta.promptHidden = [state(prompt - 1)] }
        ring.say(.detokenizer(.deltas([delta])))
    }

    @Test func theWholePromptThenAVectorForEachStep() async throws {
        try await withFront(script: Self.script, configure: { $0.hiddenStates = .full }) { server in
            let body: JSONObject = ["text": ["ab"], "sampling_params": ["max_new_tokens": 3]]
            var asked = body
            asked["return_hidden_states"] = [true]
            let answer = try await server.generate(.object(asked)).json?[0]
            #expect(
                answer?["meta_info"]?["hidden_states"]
                    == [[[0.0, 0.0], [1.0, 0.5]], [2.0, 1.0], [3.0, 1.5]])
            #expect(try await server.generate(.object(body)).json?[0]?["meta_info"]?["hidden_states"] == nil)
            asked["sampling_params"] = ["max_new_tokens": 0]
            #expect(
                try await server.generate(.object(asked)).json?[0]?["meta_info"]?["hidden_states"]
                    == [[[0.0, 0.0], [1.0, 0.5]]])
        }
    }

    @Test func theLastRowAlone() async throws {
        try await withFront(script: Self.script, configure: { $0.hiddenStates = .last }) { server in
            let answer = try await server.generate([
                "text": "ab", "return_hidden_states": true, "sampling_params": ["max_new_tokens": 3],
            ])
            #expect(answer.json?["meta_info"]?["hidden_states"] == [[3.0, 1.5]])
            for (path, member) in [("/v1/completions", "prompt"), ("/v1/chat/completions", "messages")] {
                var body: JSONObject = ["return_hidden_states": true, "max_tokens": 2]
                body[member] = member == "prompt" ? "ab" : [["role": "user", "content": "a"]]
                let choice = try await server.post(path, .object(body)).json?["choices"]?[0]
                let last = (choice?["hidden_states"]?[0]?.doubleValue ?? 0)
                let tokens = server.ring.requests.last?.inputIDs.count ?? 0
                #expect(last == Double(tokens), "\(path)")
            }
        }
    }

    @Test func aServerThatWasNotToldToRefuses() async throws {
        try await withFront { server in
            let answer = try await server.generate(["text": "a", "return_hidden_states": true])
            #expect(answer.status == 400)
            #expect(answer.json?["error"]?["message"]?.stringValue?.contains("--enable-return-hidden-states") == true)
            #expect(try await server.generate(["text": "a", "return_hidden_states": false]).status == 200)
        }
    }
}
