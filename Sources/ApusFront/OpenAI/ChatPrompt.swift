import ApusCore
import ApusJSON
import ApusJinja
import ApusText

/// From the messages of a chat to the prompt's tokens.
struct ChatPrompt: Sendable {
    let template: ChatTemplate?
    let codec: any PromptCodec

    static let rules: [FieldRule] = [
        FieldRule("messages", .objects), FieldRule("tools", .objects), FieldRule("chat_template_kwargs", .object),
        FieldRule("continue_final_message", .bool), FieldRule("reasoning_effort", .any),
        FieldRule("add_generation_prompt", .bool),
    ]

    private static let roles: Set<String> = [
        "system", "developer", "user", "assistant", "tool", "function", "latest_reminder", "root",
    ]

    /// - Parameters:
    ///   - tools: those that the template is shown; nil: none.
    ///   - addsGenerationPrompt: nil: as for a completion, with its rule for a last message of the assistant.
    ///   - variables: the server's, under the request's own.
    func text(
        _ body: JSONObject, tools: [JSONValue]?, addsGenerationPrompt: Bool? = nil, variables: JSONObject
    ) throws(FrontError) -> String {
        var messages = try messages(body)
        var kwargs = variables
        for member in body.given("chat_template_kwargs")?.objectValue ?? JSONObject() {
            guard member.key != "chat_template" else {
                throw .badRequest(
                    "Request-supplied chat_template is not allowed. Start the server with "
                        + "--trust-request-chat-template to permit it.")
            }
            kwargs[member.key] = member.value
        }
        if let effort = try Self.effort(body) {
            kwargs["reasoning_effort"] = effort
            if effort == "none" {
                for name in ["thinking", "enable_thinking"] where kwargs[name] == nil { kwargs[name] = false }
            }
        }
        guard let template else {
            throw .badRequest("The model has no chat template; give one with --chat-template, or use /v1/completions.")
        }

        var continued = ""
        if addsGenerationPrompt == nil, let last = messages.last, last["role"] == "assistant" {
            if body.given("continue_final_message")?.boolValue ?? false {
                continued = last["content"]?.stringValue ?? ""
                messages.removeLast()
            } else {
                messages[messages.count - 1]["role"] = "user"
            }
        }
        var values: [String: Value] = [:]
        for member in kwargs { values[member.key] = Value(member.value) }
        values["messages"] = .list(messages.map { Value(.object($0)) })
        values["add_generation_prompt"] = .bool(addsGenerationPrompt ?? true)
        return try render(template, values, tools: tools) + continued
    }

    /// With the wrapped tools first, and where the template cannot take them, with the bare functions.
    private func render(
        _ template: ChatTemplate, _ variables: [String: Value], tools: [JSONValue]?
    ) throws(FrontError) -> String {
        var variables = variables
        let now = Clocks.unix()
        do {
            variables["tools"] = tools.map { Value(.array($0)) } ?? Value.none
            return try template.render(variables, now: now)
        } catch {
            if let tools {
                variables["tools"] = Value(.array(tools.map { $0["function"] ?? $0 }))
                if let text = try? template.render(variables, now: now) { return text }
            }
            throw .openAI(status: 400, kind: "BadRequest", "\(error)")
        }
    }

    private static let efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "ultra", "max"]

    /// `reasoning_effort`, or what `reasoning` says in its place; nil: nothing.
    static func effort(_ body: JSONObject) throws(FrontError) -> JSONValue? {
        let alias = body.given("reasoning")
        let switchedOff: JSONValue? = alias?["enabled"] == false ? "none" : nil
        guard let effort = body.given("reasoning_effort") ?? alias?["effort"] ?? switchedOff, !effort.isNull else {
            return nil
        }
        let isKnown = effort.stringValue.map(efforts.contains) ?? effort.doubleValue.map { (0...0.99).contains($0) }
        guard isKnown == true else {
            throw .schema(
                "reasoning_effort: expected one of \(efforts.joined(separator: ", ")), or a number from 0 to 0.99")
        }
        return effort
    }

    // MARK: Messages

    private func messages(_ body: JSONObject) throws(FrontError) -> [JSONObject] {
        guard let list = body.given("messages")?.arrayValue else { throw .schema("messages: expected an array") }
        guard !list.isEmpty else { throw .badRequest("Messages cannot be empty.") }
        var messages: [JSONObject] = []
        for (index, item) in list.enumerated() {
            guard var message = item.objectValue else { throw .schema("messages[\(index)]: expected an object") }
            guard let role = message["role"]?.stringValue, Self.roles.contains(role.lowercased()) else {
                throw .schema(
                    "messages[\(index)].role: 'role' must be one of 'user', 'system', 'assistant', 'tool', 'function', "
                        + "'developer', 'latest_reminder', 'root' (case-insensitive).")
            }
            message["role"] = .string(role.lowercased())
            message["content"] = try content(message.given("content"), index)
            message["tool_calls"] = Self.toolCalls(message.given("tool_calls"))
            messages.append(message)
        }
        return messages
    }

    private func content(_ content: JSONValue?, _ index: Int) throws(FrontError) -> JSONValue {
        switch content {
        case nil: return ""
        case .string?: return content ?? ""
        case .array(let parts)?:
            var texts: [String] = []
            for part in parts {
                let kind = part["type"]?.stringValue ?? ""
                guard kind == "text", let text = part["text"]?.stringValue else {
                    guard kind != "text", !kind.isEmpty else {
                        throw .schema("messages[\(index)].content: expected parts with a type, and a text")
                    }
                    throw .badRequest("Model only supports text input; received unsupported content type '\(kind)'.")
                }
                texts.append(text)
            }
            guard template?.takesParts ?? false else { return .string(texts.joined(separator: " ")) }
            return .array(texts.map { ["type": "text", "text": .string($0)] })
        default: throw .schema("messages[\(index)].content: expected a string or an array of parts")
        }
    }

    /// Arguments that came as text become what the text says: templates write them as JSON.
    private static func toolCalls(_ calls: JSONValue?) -> JSONValue? {
        guard let calls = calls?.arrayValue else { return nil }
        return .array(
            calls.map { call in
                guard var object = call.objectValue, var function = object["function"]?.objectValue,
                    let text = function["arguments"]?.stringValue, let parsed = try? JSONValue(parsing: text)
                else { return call }
                function["arguments"] = parsed
                object["function"] = .object(function)
                return .object(object)
            })
    }
}

/// `tools` of a request.
struct OfferedTools: Sendable {
    /// As the template sees them.
    let definitions: [JSONValue]
    let names: [String]
    /// The schema of each one's arguments.
    let parameters: [JSONValue]
    /// Calls must obey it.
    let strict: [Bool]

    init(_ tools: JSONValue?) throws(FrontError) {
        guard let tools, !tools.isNull else {
            (definitions, names, parameters, strict) = ([], [], [], [])
            return
        }
        guard let list = tools.arrayValue else { throw .schema("tools: expected an array") }
        var definitions: [JSONValue] = []
        var names: [String] = []
        var parameters: [JSONValue] = []
        var strict: [Bool] = []
        for (index, tool) in list.enumerated() {
            guard var object = tool.objectValue, var function = object["function"]?.objectValue,
                let name = function["name"]?.stringValue
            else { throw .schema("tools[\(index)]: expected an object with a function that has a name") }
            if let parameters = function.given("parameters"), parameters.objectValue == nil {
                throw .badRequest("Tool \(index) function has invalid 'parameters' schema: it is not an object")
            }
            // The reference fills in what its schema knows and the client left out: templates print it.
            if function["description"] == nil { function["description"] = .null }
            object["function"] = .object(function)
            if object["type"] == nil { object["type"] = "function" }
            if object["defer_loading"] == nil { object["defer_loading"] = .null }
            definitions.append(.object(object))
            names.append(name)
            parameters.append(
                function.given("parameters") ?? ["type": "object", "properties": [:], "additionalProperties": false])
            strict.append(function["strict"] == true)
        }
        self.definitions = definitions
        self.names = names
        self.parameters = parameters
        self.strict = strict
    }
}
