import ApusCore
import ApusJSON
import ApusWire

/// `POST /v1/messages`: a chat whose answer is told in events and blocks.
struct MessagesRequest: OpenAIRequest {
    private let chat: ChatRequest

    var native: JSONObject { chat.native }
    var isStream: Bool { chat.isStream }
    var grammarFollows: Int32? { chat.grammarFollows }
    var looksForCalls: Bool { chat.looksForCalls }

    init(_ body: JSONObject, _ setting: ChatRequest.Setting) throws(FrontError) {
        chat = try ChatRequest(MessagesBody.chat(body), setting)
    }

    func answer(to run: GenerateRun, created: Int) -> any OpenAIAnswer {
        MessagesAnswer(
            chat: chat.answer(to: run, created: created), model: chat.model,
            promptCount: run.plan.samples[0].inputIDs.count)
    }
}

/// Tells what a chat's answer tells.
struct MessagesAnswer: OpenAIAnswer {
    private var chat: any OpenAIAnswer
    private let model: String
    private let id = "msg_" + RequestID.random()
    private let promptCount: Int

    /// The block that is being told, and how many were begun.
    private var open: String?
    private var blockCount = 0
    private var outputCount = 0

    init(chat: any OpenAIAnswer, model: String, promptCount: Int) {
        self.chat = chat
        self.model = model
        self.promptCount = promptCount
    }

    // MARK: - Stream

    mutating func opening() -> [JSONValue] {
        _ = chat.opening()
        var message = head
        message["content"] = []
        message["stop_reason"] = nil
        message["stop_sequence"] = nil
        message["usage"] = ["input_tokens": JSONValue(promptCount), "output_tokens": 0]
        return [["type": "message_start", "message": .object(message)]]
    }

    mutating func absorb(_ update: ReplyUpdate, sample: Int) -> [JSONValue] {
        outputCount = update.usage.completionTokens
        return chat.absorb(update, sample: sample).flatMap { events(of: $0["choices"]?[0]?["delta"] ?? .null) }
    }

    private mutating func events(of delta: JSONValue) -> [JSONValue] {
        var events: [JSONValue] = []
        if let thought = delta["reasoning_content"]?.stringValue, !thought.isEmpty {
            begin("thinking", ["type": "thinking", "thinking": "", "signature": ""], &events)
            events.append(block(["type": "thinking_delta", "thinking": .string(thought)]))
        }
        if let text = delta["content"]?.stringValue, !text.isEmpty {
            begin("text", ["type": "text", "text": ""], &events)
            events.append(block(["type": "text_delta", "text": .string(text)]))
        }
        for call in delta["tool_calls"]?.arrayValue ?? [] {
            if let id = call["id"]?.stringValue, let name = call["function"]?["name"] {
                let start: JSONValue = ["type": "tool_use", "id": .string(id), "name": name, "input": [:]]
                begin(id, start, &events)
            }
            if let part = call["function"]?["arguments"]?.stringValue, !part.isEmpty {
                events.append(block(["type": "input_json_delta", "partial_json": .string(part)]))
            }
        }
        return events
    }

    /// Ends the block before, unless it is this one.
    private mutating func begin(_ name: String, _ start: JSONValue, _ events: inout [JSONValue]) {
        guard open != name else { return }
        close(&events)
        open = name
        events.append(["type": "content_block_start", "index": JSONValue(blockCount), "content_block": start])
        blockCount += 1
    }

    private mutating func close(_ events: inout [JSONValue]) {
        guard open != nil else { return }
        open = nil
        events.append(["type": "content_block_stop", "index": JSONValue(blockCount - 1)])
    }

    private func block(_ delta: JSONValue) -> JSONValue {
        ["type": "content_block_delta", "index": JSONValue(blockCount - 1), "delta": delta]
    }

    mutating func closing() -> [JSONValue] {
        let choice = chat.closing().first?["choices"]?[0] ?? .null
        var events: [JSONValue] = []
        close(&events)
        let stop = Self.stop(choice)
        events.append([
            "type": "message_delta", "delta": ["stop_reason": stop.reason, "stop_sequence": stop.sequence],
            "usage": ["input_tokens": JSONValue(promptCount), "output_tokens": JSONValue(outputCount)],
        ])
        events.append(["type": "message_stop"])
        return events
    }

    // MARK: - Whole

    private var head: JSONObject {
        ["id": .string(id), "type": "message", "role": "assistant", "model": .string(model)]
    }

    var whole: JSONValue {
        let told = chat.whole
        let choice = told["choices"]?[0] ?? .null
        let message = choice["message"] ?? .null
        let calls = message["tool_calls"]?.arrayValue ?? []
        var blocks: [JSONValue] = []
        if let thought = message["reasoning_content"]?.stringValue {
            blocks.append(["type": "thinking", "thinking": .string(thought), "signature": ""])
        }
        if let text = message["content"]?.stringValue, !text.isEmpty || calls.isEmpty {
            blocks.append(["type": "text", "text": .string(text)])
        }
        for call in calls {
            let function = call["function"] ?? .null
            let input = function["arguments"]?.stringValue.flatMap { try? JSONValue(parsing: $0) }
            blocks.append([
                "type": "tool_use", "id": call["id"] ?? .null, "name": function["name"] ?? .null, "input": input ?? [:],
            ])
        }
        let stop = Self.stop(choice)
        var whole = head
        whole["content"] = .array(blocks)
        whole["stop_reason"] = stop.reason
        whole["stop_sequence"] = stop.sequence
        whole["usage"] = ["input_tokens": JSONValue(promptCount), "output_tokens": JSONValue(outputCount)]
        return .object(whole)
    }

    /// Why a choice of a chat ended, in Anthropic's words.
    private static func stop(_ choice: JSONValue) -> (reason: JSONValue, sequence: JSONValue) {
        switch choice["finish_reason"]?.stringValue {
        case "length": return ("max_tokens", nil)
        case "tool_calls": return ("tool_use", nil)
        case nil: return (nil, nil)
        default:
            guard let text = choice["matched_stop"], text.stringValue != nil else { return ("end_turn", nil) }
            return ("stop_sequence", text)
        }
    }
}
