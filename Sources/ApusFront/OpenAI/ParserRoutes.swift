import ApusJSON
import HTTPTypes
import Hummingbird

/// `POST /parse_function_call` and `POST /separate_reasoning`: the parsers of chat outputs, on any text.
struct ParserRoutes: Sendable {
    let service: FrontService

    func add(to table: inout RouteTable) {
        table.add("/parse_function_call", methods: [.post]) { request throws(FrontError) in
            try await service.answer(request, Self.parseFunctionCall)
        }
        table.add("/separate_reasoning", methods: [.post]) { request throws(FrontError) in
            try await service.answer(request, Self.separateReasoning)
        }
    }

    @Sendable
    private static func parseFunctionCall(_ body: JSONObject) throws(FrontError) -> JSONValue {
        let text = try required("text", body)
        let name = try required("tool_call_parser", body)
        guard let format = ToolCallFormat(named: name) else {
            throw .refused(
                "Unsupported tool_call_parser: \(name); one of \(ToolCallFormat.names.joined(separator: ", "))")
        }
        var splitter = ToolCallSplitter(format, tools: try OfferedTools(body["tools"]).names)
        let found = splitter.absorb(text, isLast: true)
        return [
            "normal_text": .string(found.content),
            "calls": .array(
                found.calls.map {
                    [
                        "tool_index": JSONValue($0.toolIndex), "name": .string($0.name),
                        "parameters": .string($0.arguments),
                    ]
                }),
        ]
    }

    @Sendable
    private static func separateReasoning(_ body: JSONObject) throws(FrontError) -> JSONValue {
        let text = try required("text", body)
        let name = try required("reasoning_parser", body)
        guard let parser = ReasoningParser(named: name) else {
            throw .refused(
                "Unsupported reasoning_parser: \(name); one of \(ReasoningParser.names.joined(separator: ", "))")
        }
        var splitter = parser.splitter(thinks: true)
        let found = splitter.absorb(text, isLast: true)
        return ["reasoning_text": .string(found.reasoning), "text": .string(found.content)]
    }

    private static func required(_ name: String, _ body: JSONObject) throws(FrontError) -> String {
        guard let text = body.given(name)?.stringValue else { throw .schema("\(name): expected a string") }
        return text
    }
}
