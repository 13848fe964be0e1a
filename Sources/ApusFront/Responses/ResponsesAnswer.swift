import ApusCore
import ApusJSON

/// `POST /v1/responses`: a chat whose answer is told in items. Nothing is stored.
struct ResponsesRequest: OpenAIRequest {
    private let chat: ChatRequest
    private let body: JSONObject

    var native: JSONObject { chat.native }
    var isStream: Bool { chat.isStream }
    var grammarFollows: Int32? { chat.grammarFollows }
    var looksForCalls: Bool { chat.looksForCalls }

    init(_ body: JSONObject, _ setting: ChatRequest.Setting) throws(FrontError) {
        self.body = body
        chat = try ChatRequest(ResponsesBody.chat(body), setting)
    }

    func answer(to run: GenerateRun, created: Int) -> any OpenAIAnswer {
        ResponsesAnswer(
            chat: chat.answer(to: run, created: created), asked: body, model: chat.model, created: created)
    }
}

struct ResponsesAnswer: OpenAIAnswer {
    private var chat: any OpenAIAnswer
    private let asked: JSONObject
    private let model: String
    private let created: Int
    private let id = "resp_" + RequestID.random()

    /// Items that are complete, and the one that is being told.
    private var items: [JSONValue] = []
    private var open: Item?
    private var eventCount = 0

    /// An item that grows.
    private struct Item {
        enum Kind: String {
            case reasoning = "rs_"
            case message = "msg_"
            case call = "fc_"
        }

        let kind: Kind
        let id: String
        var text = ""
        var callID: JSONValue = nil
        var name: JSONValue = nil

        init(_ kind: Kind) {
            self.kind = kind
            id = kind.rawValue + RequestID.random()
        }

        /// Of reasoning and messages: the one part that they have.
        var part: JSONValue {
            kind == .reasoning
                ? ["type": "reasoning_text", "text": .string(text)]
                : ["type": "output_text", "text": .string(text), "annotations": [], "logprobs": []]
        }

        func json(isDone: Bool) -> JSONValue {
            let status: JSONValue = isDone ? "completed" : "in_progress"
            let parts: JSONValue = isDone ? [part] : []
            switch kind {
            case .reasoning:
                return ["id": .string(id), "type": "reasoning", "summary": [], "content": parts, "status": status]
            case .message:
                return [
                    "id": .string(id), "type": "message", "role": "assistant", "status": status, "content": parts,
                ]
            case .call:
                return [
                    "id": .string(id), "type": "function_call", "status": status, "call_id": callID, "name": name,
                    "arguments": .string(text),
                ]
            }
        }
    }

    init(chat: any OpenAIAnswer, asked: JSONObject, model: String, created: Int) {
        self.chat = chat
        self.asked = asked
        self.model = model
        self.created = created
    }

    // MARK: - Events

    mutating func opening() -> [JSONValue] {
        _ = chat.opening()
        let response = response(status: "in_progress", usage: nil, incomplete: nil)
        return ["response.created", "response.in_progress"].map { event($0, ["response": response]) }
    }

    mutating func absorb(_ update: ReplyUpdate, sample: Int) -> [JSONValue] {
        var events: [JSONValue] = []
        for chunk in chat.absorb(update, sample: sample) {
            let delta = chunk["choices"]?[0]?["delta"] ?? .null
            if let thought = delta["reasoning_content"]?.stringValue { append(thought, to: .reasoning, &events) }
            if let text = delta["content"]?.stringValue { append(text, to: .message, &events) }
            for call in delta["tool_calls"]?.arrayValue ?? [] { append(call, &events) }
        }
        return events
    }

    private mutating func append(_ text: String, to kind: Item.Kind, _ events: inout [JSONValue]) {
        guard !text.isEmpty else { return }
        if open?.kind != kind { begin(Item(kind), &events) }
        open?.text += text
        let name = kind == .reasoning ? "response.reasoning_text.delta" : "response.output_text.delta"
        events.append(event(name, ["content_index": 0, "delta": .string(text), "logprobs": []]))
    }

    private mutating func append(_ call: JSONValue, _ events: inout [JSONValue]) {
        if let id = call["id"], !id.isNull {
            var item = Item(.call)
            item.callID = id
            item.name = call["function"]?["name"] ?? .null
            begin(item, &events)
        }
        guard let part = call["function"]?["arguments"]?.stringValue, !part.isEmpty else { return }
        open?.text += part
        events.append(event("response.function_call_arguments.delta", ["delta": .string(part)]))
    }

    private mutating func begin(_ item: Item, _ events: inout [JSONValue]) {
        close(&events)
        open = item
        events.append(event("response.output_item.added", ["item": item.json(isDone: false)]))
        guard item.kind != .call else { return }
        events.append(event("response.content_part.added", ["content_index": 0, "part": item.part]))
    }

    private mutating func close(_ events: inout [JSONValue]) {
        guard let item = open else { return }
        let text = JSONValue.string(item.text)
        switch item.kind {
        case .call:
            events.append(event("response.function_call_arguments.done", ["name": item.name, "arguments": text]))
        case .reasoning: events.append(event("response.reasoning_text.done", ["content_index": 0, "text": text]))
        case .message:
            events.append(event("response.output_text.done", ["content_index": 0, "text": text, "logprobs": []]))
        }
        if item.kind != .call {
            events.append(event("response.content_part.done", ["content_index": 0, "part": item.part]))
        }
        events.append(event("response.output_item.done", ["item": item.json(isDone: true)]))
        items.append(item.json(isDone: true))
        open = nil
    }

    /// Events about an item name it.
    private mutating func event(_ type: String, _ members: JSONObject) -> JSONValue {
        var event: JSONObject = ["type": .string(type), "sequence_number": JSONValue(eventCount)]
        eventCount += 1
        if members["response"] == nil {
            event["output_index"] = JSONValue(items.count)
            if members["item"] == nil { event["item_id"] = .string(open?.id ?? "") }
        }
        for member in members { event[member.key] = member.value }
        return .object(event)
    }

    mutating func closing() -> [JSONValue] {
        var events: [JSONValue] = []
        close(&events)
        _ = chat.closing()
        let whole = whole
        let name = whole["status"] == "completed" ? "response.completed" : "response.incomplete"
        return events + [event(name, ["response": whole])]
    }

    // MARK: - Whole

    var whole: JSONValue {
        let told = chat.whole
        let isCut = told["choices"]?[0]?["finish_reason"] == "length"
        return response(
            status: isCut ? "incomplete" : "completed", usage: usage(told["usage"] ?? .null),
            incomplete: isCut ? ["reason": "max_output_tokens"] : nil)
    }

    private func usage(_ usage: JSONValue) -> JSONValue {
        [
            "input_tokens": usage["prompt_tokens"] ?? 0, "output_tokens": usage["completion_tokens"] ?? 0,
            "total_tokens": usage["total_tokens"] ?? 0,
            "input_tokens_details": ["cached_tokens": usage["prompt_tokens_details"]?["cached_tokens"] ?? 0],
            "output_tokens_details": ["reasoning_tokens": usage["reasoning_tokens"] ?? 0],
        ]
    }

    private func response(status: JSONValue, usage: JSONValue, incomplete: JSONValue) -> JSONValue {
        var response: JSONObject = [
            "id": .string(id), "object": "response", "created_at": JSONValue(created), "status": status,
            "error": nil, "incomplete_details": incomplete, "model": .string(model), "output": .array(items),
            "previous_response_id": nil, "store": false, "truncation": "disabled", "usage": usage,
        ]
        for name in ["instructions", "max_output_tokens", "temperature", "top_p", "user"] {
            response[name] = asked[name] ?? .null
        }
        let usual: [(String, JSONValue)] = [
            ("tools", []), ("tool_choice", "auto"), ("parallel_tool_calls", true), ("metadata", [:]),
            ("text", ["format": ["type": "text"]]), ("reasoning", ["effort": nil, "summary": nil]),
        ]
        for (name, value) in usual { response[name] = asked.given(name) ?? value }
        return .object(response)
    }
}
