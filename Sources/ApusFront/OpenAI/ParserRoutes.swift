import ApusJSON
import HTTPTypes
import Hummingbird

/// `POST /parse_function_call` and `POST /separate_reasoning`: the parsers of chat outputs, on any text.
struct ParserRoutes: Sendable {
    let service: FrontService

    private static let callRules = [
        FieldRule("text", .string, isRequired: true), FieldRule("tool_call_parser", .string, isRequired: true),
        FieldRule("tools", .objects),
    ]
    private static let reasoningRules = [
        FieldRule("text", .string, isRequired: true), FieldRule("reasoning_parser", .string, isRequired: true),
    ]

    func add(to table: inout RouteTable) {
        table.add(
            "/parse_function_call", methods: [.post],
            about: RouteDocument("Find the tool calls in a text", body: Self.callRules)
        ) { request throws(FrontError) in
            try await service.answer(request, Self.parseFunctionCall)
        }
        table.add(
            "/separate_reasoning", methods: [.post],
            about: RouteDocument("Tell a text's reasoning from its answer", body: Self.reasoningRules)
        ) { request throws(FrontError) in
            try await service.answer(request, Self.separateReasoning)
        }
    }

    @Sendable
    private static func parseFunctionCall(_ body: JSONObject) throws(FrontError) -> JSONValue {
        try body.check(callRules)
        let text = body.given("text")?.stringValue ?? ""
        let name = body.given("tool_call_parser")?.stringValue ?? ""
        guard let format = ToolCallFormat(named: name) else {
            throw .refused(
                "Unsupported tool_call_parser: \(name); one of \(ToolCallFormat.names.joined(separator: ", "))")
        }
        var splitter = ToolCallSplitter(format, tools: try OfferedTools(body["tools"]).names)
        let found = splitter.absorb(text, isLast: true)
        return [
            "normal_text": .string(found.content),
            "calls": .array(
                ToolCall.joined(found.calls).map {
                    [
                        "tool_index": JSONValue($0.toolIndex), "name": .string($0.name),
                        "parameters": .string($0.arguments),
                    ]
                }),
        ]
    }

    @Sendable
    private static func separateReasoning(_ body: JSONObject) throws(FrontError) -> JSONValue {
        try body.check(reasoningRules)
        let text = body.given("text")?.stringValue ?? ""
        let name = body.given("reasoning_parser")?.stringValue ?? ""
        guard let parser = ReasoningParser(named: name) else {
            throw .refused(
                "Unsupported reasoning_parser: \(name); one of \(ReasoningParser.names.joined(separator: ", "))")
        }
        var splitter = parser.splitter(thinks: true)
        let found = splitter.absorb(text, isLast: true)
        return ["reasoning_text": .string(found.reasoning), "text": .string(found.content)]
    }
}
