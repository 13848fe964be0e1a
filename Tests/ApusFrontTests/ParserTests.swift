import ApusTestSupport
import Testing

@testable import ApusFront

/// Outputs of models taken apart, whole and in every kind of pieces.
@Suite struct ParserTests {
    private struct Found: Equatable {
        var reasoning = ""
        var content = ""
        var calls: [ToolCall] = []
    }

    private func find(
        _ text: String, _ format: ToolCallFormat? = nil, reasoning name: String? = nil, pieces: [String]? = nil,
        isLive: Bool = false
    ) -> Found {
        var calls: [CallPiece] = []
        var found = Found()
        var reasoning = name.flatMap { ReasoningParser(named: $0) }?.splitter(thinks: true)
        var tools = format.map { ToolCallSplitter($0, tools: ["f", "g"], isLive: isLive) }
        let pieces = (pieces ?? [text]) + [""]
        for (index, piece) in pieces.enumerated() {
            let isLast = index == pieces.count - 1
            var content = piece
            if reasoning != nil {
                let split = reasoning!.absorb(piece, isLast: isLast)
                found.reasoning += split.reasoning
                content = split.content
            }
            if tools != nil {
                let split = tools!.absorb(content, isLast: isLast)
                calls += split.calls
                content = split.content
            }
            found.content += content
        }
        found.calls = ToolCall.joined(calls)
        return found
    }

    @Test func hermesCallsStandBetweenTags() {
        let found = find(
            "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1, \"y\": \"é\\\"\"}}\n</tool_call>\n"
                + "<tool_call>{\"name\": \"g\", \"arguments\": {}}</tool_call>", .hermes)
        #expect(found.content == "Let me see.")
        #expect(
            found.calls == [
                ToolCall(toolIndex: 0, name: "f", arguments: "{\"x\": 1, \"y\": \"é\\\"\"}"),
                ToolCall(toolIndex: 1, name: "g", arguments: "{}"),
            ])
    }

    @Test func llamaCallsOpenTheOutput() {
        let call = "{\"name\": \"f\", \"parameters\": {\"x\": \"a;b}\"}}"
        #expect(find(call, .llama3).calls.map(\.arguments) == ["{\"x\": \"a;b}\"}"])
        #expect(find("<|python_tag|>\(call); \(call)", .llama3).calls.count == 2)
        #expect(find("Text {\"name\": 1}", .llama3).content == "Text {\"name\": 1}")
    }

    @Test func mistralCallsAreAList() {
        let found = find("Sure. [TOOL_CALLS] [{\"name\": \"g\", \"arguments\": {\"a\": [1, 2]}}]", .mistral)
        #expect(found.content == "Sure. ")
        #expect(found.calls == [ToolCall(toolIndex: 1, name: "g", arguments: "{\"a\": [1, 2]}")])
    }

    @Test func whatIsNoCallStaysVisible() {
        for text in [
            "<tool_call>not json</tool_call>", "<tool_call>{\"name\": 3}</tool_call>", "<tool_call>{\"name\": \"f\"",
        ] {
            let found = find(text, .hermes)
            #expect(found.content == text && found.calls.isEmpty)
        }
        #expect(find("a < b <tool", .hermes).content == "a < b <tool")
    }

    @Test func callsOfToolsThatWereNotOfferedAreDropped() {
        let found = find("<tool_call>{\"name\": \"h\", \"arguments\": {}}</tool_call>", .hermes)
        #expect(found == Found())
    }

    @Test func thinkingIsToldFromSpeaking() {
        #expect(find("<think>why</think>because", reasoning: "qwen3") == Found(reasoning: "why", content: "because"))
        #expect(find("why</think>because", reasoning: "deepseek-r1") == Found(reasoning: "why", content: "because"))
        #expect(find("only said", reasoning: "glm45") == Found(content: "only said"))
        #expect(find("only thought", reasoning: "qwen3") == Found(reasoning: "only thought"))
        #expect(ReasoningParser(named: "no-such") == nil)
    }

    /// However the output is cut, the same is found.
    @Test func piecesMakeNoDifference() {
        let outputs: [(String, ToolCallFormat?, String?)] = [
            (
                "Text.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": \"<tool_call>\"}}\n</tool_call> end",
                .hermes, nil
            ),
            ("<|python_tag|>{\"name\": \"f\", \"parameters\": {}};{\"name\": \"g\", \"parameters\": {}}", .llama3, nil),
            ("a [TOOL b [TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {}}]", .mistral, nil),
            (
                "a[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": [1.50, {}]}} , {\"name\":\"g\",\"arguments\":{}}, {\"name\": \"h\", \"arguments\": {}}]",
                .mistral, nil
            ),
            // Members that nobody asked for.
            (
                "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {}, \"id\": \"a}\"}, {\"name\": \"g\", \"arguments\": {}}]",
                .mistral, nil
            ),
            (
                "{\"name\": \"f\", \"parameters\": {}, \"x\": {\"y\": []}}; {\"name\": \"g\", \"parameters\": {}}",
                .llama3, nil
            ),
            ("<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 1}, \"id\": 7}\n</tool_call>", .hermes, nil),
            (
                "{\"name\": \"g\", \"parameters\": {\"x\": \"};{\\u00e9\"}} ; {\"name\": \"f\", \"parameters\": \"{}\"}",
                .llama3, nil
            ),
            ("<tool_call>{\"arguments\": {}, \"name\": \"f\"}</tool_call><tool_call>no</tool_call>", .hermes, nil),
            ("<think>a </thin b</think>c<tool_call>{\"name\": \"g\", \"arguments\": {}}</tool_call>", .hermes, "qwen3"),
            ("  <think>\nx\n</think>\n\ny", nil, "deepseek-v3"),
        ]
        var random = SeededRandom(seed: 9)
        for (text, format, reasoning) in outputs {
            let expected = find(text, format, reasoning: reasoning)
            for _ in 0..<60 {
                var pieces: [String] = []
                var rest = text[...]
                while !rest.isEmpty {
                    let piece = rest.prefix(Int.random(in: 1...6, using: &random))
                    pieces.append(String(piece))
                    rest = rest.dropFirst(piece.count)
                }
                for isLive in [false, true] {
                    let found = find(text, format, reasoning: reasoning, pieces: pieces, isLive: isLive)
                    #expect(found == expected, "\(pieces) \(isLive)")
                }
            }
        }
    }

    /// The name comes when it is known, arguments as they are written, each letter once.
    @Test func liveCallsComeInPieces() {
        let outputs: [(String, ToolCallFormat)] = [
            ("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": \"abcdef\"}}\n</tool_call>", .hermes),
            ("{\"name\": \"f\", \"parameters\": {\"x\": \"abcdef\"}}", .llama3),
            ("[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"x\": \"abcdef\"}}]", .mistral),
        ]
        for (text, format) in outputs {
            var splitter = ToolCallSplitter(format, tools: ["f"], isLive: true)
            var pieces: [CallPiece] = []
            for character in text {
                let found = splitter.absorb(String(character), isLast: false)
                #expect(found.content.isEmpty)
                pieces += found.calls
            }
            let end = splitter.absorb("", isLast: true)
            #expect(end.content.isEmpty && end.calls.isEmpty)
            #expect(pieces.first == .begin(toolIndex: 0, name: "f"))
            #expect(pieces.count > 10)
            #expect(ToolCall.joined(pieces).map(\.arguments) == ["{\"x\": \"abcdef\"}"])
        }
        var broken = ToolCallSplitter(.hermes, tools: ["f"], isLive: true)
        let found = broken.absorb("<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 1", isLast: true)
        #expect(ToolCall.joined(found.calls).map(\.arguments) == ["{\"x\": "])
    }
}
