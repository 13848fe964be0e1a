import ApusJSON

/// A body of `/v1/responses` in the words of `/v1/chat/completions`.
enum ResponsesBody {
    static let rules = [
        FieldRule("model", .string), FieldRule("input", .any, isRequired: true), FieldRule("instructions", .string),
        FieldRule("max_output_tokens", .integer), FieldRule("temperature", .number), FieldRule("top_p", .number),
        FieldRule("stream", .bool), FieldRule("tools", .objects), FieldRule("tool_choice", .any),
        FieldRule("parallel_tool_calls", .bool), FieldRule("text", .object), FieldRule("reasoning", .object),
        FieldRule("metadata", .object), FieldRule("store", .bool), FieldRule("background", .bool),
        FieldRule("previous_response_id", .string), FieldRule("user", .string),
    ]

    static func chat(_ body: JSONObject) throws(FrontError) -> JSONObject {
        try body.check(rules)
        guard body.given("previous_response_id") == nil else {
            throw .badRequest("previous_response_id is not supported: this server stores no responses.")
        }
        guard body.given("background")?.boolValue != true else {
            throw .badRequest("background is not supported: this server stores no responses.")
        }
        var chat = JSONObject()
        for name in ["model", "temperature", "top_p", "stream", "parallel_tool_calls", "reasoning"] {
            if let value = body.given(name) { chat[name] = value }
        }
        if let most = body.given("max_output_tokens")?.intValue {
            guard most >= 1 else { throw .schema("max_output_tokens: expected at least 1, got \(most)") }
            chat["max_completion_tokens"] = JSONValue(most)
        }
        chat["response_format"] = try format(body.given("text")?["format"])
        try addTools(of: body, to: &chat)
        var messages: [JSONValue] = []
        if let text = body.given("instructions") { messages.append(["role": "system", "content": text]) }
        switch body.given("input") {
        case .string(let text)?: messages.append(["role": "user", "content": .string(text)])
        case .array(let items)?:
            for (index, item) in items.enumerated() { try append(item, "input[\(index)]", to: &messages) }
        default: throw .schema("input: expected a string or an array of items")
        }
        chat["messages"] = .array(messages)
        return chat
    }

    /// The schema of a format lies flat here, and under `json_schema` there.
    private static func format(_ format: JSONValue?) throws(FrontError) -> JSONValue? {
        guard let format, var flat = format.objectValue, let type = flat["type"] else { return nil }
        guard type == "json_schema" else { return ["type": type] }
        flat["type"] = nil
        return ["type": "json_schema", "json_schema": .object(flat)]
    }

    private static func addTools(of body: JSONObject, to chat: inout JSONObject) throws(FrontError) {
        var tools: [JSONValue] = []
        for (index, tool) in (body.given("tools")?.arrayValue ?? []).enumerated() {
            guard tool["type"] == "function", var function = tool.objectValue, function["name"] != nil else {
                throw .badRequest("tools[\(index)]: only functions, which have a name, can be offered")
            }
            function["type"] = nil
            tools.append(["type": "function", "function": .object(function)])
        }
        if !tools.isEmpty { chat["tools"] = .array(tools) }
        guard let choice = body.given("tool_choice") else { return }
        chat["tool_choice"] =
            choice["name"].map { ["type": "function", "function": ["name": $0]] } ?? choice
    }

    private static func append(
        _ item: JSONValue, _ place: String, to messages: inout [JSONValue]
    ) throws(FrontError) {
        switch item["type"]?.stringValue ?? "message" {
        case "message":
            guard let role = item["role"], let content = item["content"] else {
                throw .schema("\(place): a message has a role and content")
            }
            let parts = (content.arrayValue ?? []).map { part -> JSONValue in
                let isText = ["input_text", "output_text", "text"].contains(part["type"]?.stringValue)
                return isText ? ["type": "text", "text": part["text"] ?? .null] : part
            }
            messages.append(["role": role, "content": content.arrayValue == nil ? content : .array(parts)])
        case "function_call":
            let call: JSONValue = [
                "id": item["call_id"] ?? .null, "type": "function",
                "function": ["name": item["name"] ?? .null, "arguments": item["arguments"] ?? "{}"],
            ]
            messages.append(["role": "assistant", "content": "", "tool_calls": [call]])
        case "function_call_output":
            messages.append([
                "role": "tool", "tool_call_id": item["call_id"] ?? .null, "content": item["output"] ?? "",
            ])
        // What was thought in an earlier turn is not shown to the model again.
        case "reasoning": break
        case let kind: throw .badRequest("\(place): items of type '\(kind)' are not supported")
        }
    }
}
