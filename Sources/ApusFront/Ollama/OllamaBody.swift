import ApusJSON

/// Bodies of `/api/chat` and `/api/generate` in the words of OpenAI's routes.
enum OllamaBody {
    private static let common = [
        FieldRule("model", .string, isRequired: true), FieldRule("stream", .bool), FieldRule("options", .object),
        FieldRule("format", .any), FieldRule("think", .any), FieldRule("keep_alive", .any),
    ]
    static let chatRules =
        common + [FieldRule("messages", .objects, isRequired: true), FieldRule("tools", .objects)]
    static let generateRules =
        common + [
            FieldRule("prompt", .string, isRequired: true), FieldRule("system", .string), FieldRule("suffix", .string),
            FieldRule("template", .string), FieldRule("raw", .bool), FieldRule("context", .integers),
            FieldRule("images", .array),
        ]

    private static let optionRules = [
        FieldRule("num_predict", .integer), FieldRule("temperature", .number), FieldRule("top_p", .number),
        FieldRule("top_k", .integer), FieldRule("min_p", .number), FieldRule("seed", .integer),
        FieldRule("stop", .stringOrList), FieldRule("repeat_penalty", .number),
        FieldRule("presence_penalty", .number), FieldRule("frequency_penalty", .number),
    ]
    /// Options and what they are called with OpenAI. Those about loading (`num_ctx`, `num_gpu`, …) come too late here.
    private static let options: [(name: String, openAI: String)] = [
        ("temperature", "temperature"), ("top_p", "top_p"), ("top_k", "top_k"), ("min_p", "min_p"), ("seed", "seed"),
        ("stop", "stop"), ("repeat_penalty", "repetition_penalty"), ("presence_penalty", "presence_penalty"),
        ("frequency_penalty", "frequency_penalty"),
    ]
    private static let otherSamplers = ["mirostat", "tfs_z", "typical_p"]
    private static let defaultLength = 2_048

    static func chat(_ body: JSONObject) throws(FrontError) -> JSONObject {
        try body.check(chatRules)
        var chat = try common(body)
        var messages: [JSONValue] = []
        for (index, message) in (body.given("messages")?.arrayValue ?? []).enumerated() {
            guard var object = message.objectValue else { continue }
            guard (object.given("images")?.arrayValue ?? []).isEmpty else {
                throw .refused("messages[\(index)]: this model takes no images")
            }
            if let name = object.given("tool_name"), object["name"] == nil { object["name"] = name }
            if let thought = object.given("thinking") { object["reasoning_content"] = thought }
            messages.append(.object(object))
        }
        chat["messages"] = .array(messages)
        if let tools = body.given("tools") { chat["tools"] = tools }
        return chat
    }

    /// `/api/generate` is a plain continuation, as with the reference server: no chat template.
    static func generate(_ body: JSONObject) throws(FrontError) -> JSONObject {
        try body.check(generateRules)
        for name in ["suffix", "template", "context", "images"] {
            guard let value = body.given(name), value != "", value != [] else { continue }
            throw .refused("\(name) is not supported on /api/generate.")
        }
        var completion = try common(body)
        let prompt = body.given("prompt")?.stringValue ?? ""
        let system = body.given("system")?.stringValue ?? ""
        completion["prompt"] = .string(system.isEmpty ? prompt : "\(system)\n\n\(prompt)")
        return completion
    }

    private static func common(_ body: JSONObject) throws(FrontError) -> JSONObject {
        var made: JSONObject = ["stream": body.given("stream") ?? true]
        let given = body.given("options")?.objectValue ?? JSONObject()
        try given.check(optionRules)
        for option in options {
            if let value = given.given(option.name) { made[option.openAI] = value }
        }
        for name in otherSamplers {
            guard let value = given.given(name), value != 0, name == "mirostat" || value != 1 else { continue }
            throw .refused("options.\(name) is not supported.")
        }
        switch body.given("format") {
        case nil, .string("")?: break
        case .string("json")?: made["response_format"] = ["type": "json_object"]
        case .object(let schema)?:
            made["response_format"] = [
                "type": "json_schema", "json_schema": ["name": "format", "schema": .object(schema)],
            ]
        default: throw .schema("format: expected 'json' or a JSON schema")
        }
        if let thinks = body.given("think") {
            made["chat_template_kwargs"] = ["enable_thinking": .bool(thinks != false)]
        }
        return made
    }

    /// `max_new_tokens` of a prompt of `promptCount` tokens, or null for as many as fit. What was not asked for is cut
    /// to the context instead of being refused.
    static func length(_ body: JSONObject, promptCount: Int, context: Int) -> JSONValue {
        let wanted = body.given("options")?["num_predict"]?.intValue
        guard let wanted else { return JSONValue(max(0, min(defaultLength, context - promptCount))) }
        return wanted < 0 ? .null : JSONValue(wanted)
    }
}
