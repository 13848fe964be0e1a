import ApusJSON

/// A body of `/v1/messages` in the words of `/v1/chat/completions`.
enum MessagesBody {
    static let countRules = [
        FieldRule("model", .string, isRequired: true), FieldRule("messages", .objects, isRequired: true),
        FieldRule("system", .any), FieldRule("tools", .objects), FieldRule("tool_choice", .object),
        FieldRule("thinking", .object), FieldRule("output_config", .object),
    ]
    static let rules =
        countRules + [
            FieldRule("max_tokens", .integer, isRequired: true), FieldRule("stream", .bool),
            FieldRule("temperature", .number), FieldRule("top_p", .number), FieldRule("top_k", .integer),
            FieldRule("stop_sequences", .strings), FieldRule("metadata", .object),
        ]

    static func chat(_ body: JSONObject, rules: [FieldRule] = rules) throws(FrontError) -> JSONObject {
        try body.check(rules)
        var chat: JSONObject = ["model": body["model"] ?? .null, "stream": body["stream"] ?? .null]
        for name in ["temperature", "top_p", "top_k"] {
            if let value = body.given(name) { chat[name] = value }
        }
        if let most = body.given("max_tokens")?.intValue {
            guard most >= 1 else { throw .refused("max_tokens: expected at least 1, got \(most)") }
            chat["max_tokens"] = JSONValue(most)
        }
        if let stops = body.given("stop_sequences") { chat["stop"] = stops }
        // Without a word the template decides.
        let thinks = body.given("thinking")?["type"]?.stringValue
        if let thinks { chat["chat_template_kwargs"] = ["enable_thinking": JSONValue(thinks != "disabled")] }
        try addTools(of: body, to: &chat)
        if let format = body.given("output_config")?["format"], !format.isNull {
            guard format["type"] == "json_schema", let schema = format["schema"] else {
                throw .schema("output_config.format: expected the type 'json_schema' and a schema")
            }
            chat["response_format"] = ["type": "json_schema", "json_schema": ["name": "format", "schema": schema]]
        }

        var messages: [JSONValue] = []
        if let system = body.given("system") {
            messages.append(["role": "system", "content": .string(try text(of: system, "system"))])
        }
        for (index, message) in (body.given("messages")?.arrayValue ?? []).enumerated() {
            try append(message, "messages.\(index)", to: &messages)
        }
        chat["messages"] = .array(messages)
        // A last turn of the assistant is the beginning of the answer.
        if messages.last?["role"] == "assistant" { chat["continue_final_message"] = true }
        return chat
    }

    // MARK: - Tools

    private static func addTools(of body: JSONObject, to chat: inout JSONObject) throws(FrontError) {
        var tools: [JSONValue] = []
        for (index, tool) in (body.given("tools")?.arrayValue ?? []).enumerated() {
            guard let name = tool["name"]?.stringValue else {
                throw .schema("tools.\(index).name: the field is required")
            }
            guard let schema = tool["input_schema"], schema.objectValue != nil else {
                throw .schema("tools.\(index).input_schema: only tools with a schema of their input can be offered")
            }
            var function: JSONObject = ["name": .string(name), "parameters": schema]
            if let text = tool["description"]?.stringValue { function["description"] = .string(text) }
            tools.append(["type": "function", "function": .object(function)])
        }
        if !tools.isEmpty { chat["tools"] = .array(tools) }
        guard let choice = body.given("tool_choice") else { return }
        switch choice["type"]?.stringValue {
        case "auto": chat["tool_choice"] = "auto"
        case "none": chat["tool_choice"] = "none"
        case "any": chat["tool_choice"] = "required"
        case "tool":
            guard let name = choice["name"]?.stringValue else {
                throw .schema("tool_choice.name: the field is required")
            }
            chat["tool_choice"] = ["type": "function", "function": ["name": .string(name)]]
        default: throw .schema("tool_choice.type: expected 'auto', 'any', 'tool' or 'none'")
        }
        if choice["disable_parallel_tool_use"] == true { chat["parallel_tool_calls"] = false }
    }

    // MARK: - Messages

    /// One message as one or, with results of tools, several.
    private static func append(
        _ message: JSONValue, _ place: String, to messages: inout [JSONValue]
    ) throws(FrontError) {
        guard let role = message["role"]?.stringValue, ["user", "assistant"].contains(role) else {
            throw .schema("\(place).role: expected 'user' or 'assistant'")
        }
        guard let content = message["content"] else { throw .schema("\(place).content: the field is required") }
        if content.stringValue != nil {
            messages.append(["role": .string(role), "content": content])
            return
        }
        guard let blocks = content.arrayValue else {
            throw .schema("\(place).content: expected a string or an array of blocks")
        }
        var parts: [JSONValue] = []
        var calls: [JSONValue] = []
        var thought = ""
        for (index, block) in blocks.enumerated() {
            let place = "\(place).content.\(index)"
            switch block["type"]?.stringValue {
            case "text":
                guard let text = block["text"] else { throw .schema("\(place).text: the field is required") }
                parts.append(["type": "text", "text": text])
            case "thinking": thought += block["thinking"]?.stringValue ?? ""
            case "redacted_thinking": break
            case "tool_use": calls.append(try call(block, place))
            case "tool_result": messages.append(try result(block, place))
            case let kind?: throw .refused("\(place): blocks of type '\(kind)' are not supported by this model")
            case nil: throw .schema("\(place).type: the field is required")
            }
        }
        // Results of tools alone make no message of their own.
        guard !parts.isEmpty || !calls.isEmpty || role == "assistant" || blocks.isEmpty else { return }
        var made: JSONObject = ["role": .string(role)]
        made["content"] = parts.count == 1 ? parts[0]["text"] : parts.isEmpty ? "" : .array(parts)
        if !calls.isEmpty { made["tool_calls"] = .array(calls) }
        if !thought.isEmpty { made["reasoning_content"] = .string(thought) }
        messages.append(.object(made))
    }

    private static func call(_ block: JSONValue, _ place: String) throws(FrontError) -> JSONValue {
        guard let name = block["name"]?.stringValue, let id = block["id"]?.stringValue else {
            throw .schema("\(place): a tool_use has an id and a name")
        }
        let input = block["input"] ?? [:]
        return [
            "id": .string(id), "type": "function",
            "function": ["name": .string(name), "arguments": .string("\(input)")],
        ]
    }

    private static func result(_ block: JSONValue, _ place: String) throws(FrontError) -> JSONValue {
        guard let id = block["tool_use_id"]?.stringValue else {
            throw .schema("\(place).tool_use_id: the field is required")
        }
        let text = try text(of: block["content"] ?? "", place + ".content")
        return ["role": "tool", "tool_call_id": .string(id), "content": .string(text)]
    }

    /// A string, or text blocks as one.
    private static func text(of value: JSONValue, _ place: String) throws(FrontError) -> String {
        if let text = value.stringValue { return text }
        if value.isNull { return "" }
        guard let blocks = value.arrayValue else { throw .schema("\(place): expected a string or an array of blocks") }
        var texts: [String] = []
        for (index, block) in blocks.enumerated() {
            guard block["type"] == "text", let text = block["text"]?.stringValue else {
                throw .refused("\(place).\(index): only blocks of text are supported by this model")
            }
            texts.append(text)
        }
        return texts.joined(separator: "\n")
    }
}
