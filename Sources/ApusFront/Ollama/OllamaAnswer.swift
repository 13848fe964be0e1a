import ApusCore
import ApusJSON
import ApusObserve
import ApusWire

/// `POST /api/chat` or `/api/generate`.
struct OllamaRequest: OpenAIRequest {
    let native: JSONObject
    let isStream: Bool
    private let asked: any OpenAIRequest
    var grammarFollows: Int32? { asked.grammarFollows }
    var looksForCalls: Bool { asked.looksForCalls }
    private let model: String
    private let isChat: Bool

    /// `model`: what answers call it.
    init(
        chat body: JSONObject, _ setting: ChatRequest.Setting, model: String, context: Int
    ) throws(FrontError) {
        var chat = try ChatRequest(OllamaBody.chat(body), setting)
        chat.tellsCallsInPieces = false
        let count = chat.native["input_ids"]?.arrayValue?.count ?? 0
        self.init(
            chat, native: chat.native, length: OllamaBody.length(body, promptCount: count, context: context),
            model: model, isChat: true)
    }

    init(
        generate body: JSONObject, _ setting: ChatRequest.Setting, model: String, context: Int
    ) throws(FrontError) {
        var completion = try OllamaBody.generate(body)
        let text = completion["prompt"]?.stringValue ?? ""
        let ids: [Int32]
        do {
            ids = try setting.codec.encode(text, addSpecialTokens: true)
        } catch {
            throw .refused("The prompt cannot be tokenized: \(error)")
        }
        completion["prompt"] = .array(ids.map { JSONValue($0) })
        let asked = try CompletionRequest(completion, options: setting.options, codec: setting.codec)
        self.init(
            asked, native: asked.native, length: OllamaBody.length(body, promptCount: ids.count, context: context),
            model: model, isChat: false)
    }

    private init(
        _ asked: any OpenAIRequest, native: JSONObject, length: JSONValue, model: String, isChat: Bool
    ) {
        var parameters = native["sampling_params"]?.objectValue ?? JSONObject()
        parameters["max_new_tokens"] = length
        var native = native
        native["sampling_params"] = .object(parameters)
        self.native = native
        self.asked = asked
        self.model = model
        self.isChat = isChat
        isStream = asked.isStream
    }

    func answer(to run: GenerateRun, created: Int) -> any OpenAIAnswer {
        OllamaAnswer(
            asked.answer(to: run, created: created), model: model, isChat: isChat, receivedAt: run.receivedAt,
            promptCount: run.plan.samples[0].inputIDs.count)
    }
}

/// Tells what an OpenAI-style answer tells, line by line.
struct OllamaAnswer: OpenAIAnswer {
    private var inner: any OpenAIAnswer
    private let model: String
    private let isChat: Bool
    private let receivedAt: Double
    private let promptCount: Int
    private var outputCount = 0
    private var text = ""
    private var thought = ""
    private var calls: [JSONValue] = []
    /// Of the call whose arguments are still to come.
    private var pendingName = ""

    init(_ inner: any OpenAIAnswer, model: String, isChat: Bool, receivedAt: Double, promptCount: Int) {
        self.inner = inner
        self.model = model
        self.isChat = isChat
        self.receivedAt = receivedAt
        self.promptCount = promptCount
    }

    mutating func opening() -> [JSONValue] {
        _ = inner.opening()
        return []
    }

    mutating func absorb(_ update: ReplyUpdate, sample: Int) -> [JSONValue] {
        outputCount = update.usage.completionTokens
        var lines: [JSONValue] = []
        for chunk in inner.absorb(update, sample: sample) {
            let choice = chunk["choices"]?[0] ?? .null
            let delta = choice["delta"] ?? .null
            let text = (isChat ? delta["content"] : choice["text"])?.stringValue ?? ""
            let thought = delta["reasoning_content"]?.stringValue ?? ""
            var calls: [JSONValue] = []
            for piece in delta["tool_calls"]?.arrayValue ?? [] {
                if let call = call(piece) { calls.append(call) }
            }
            guard !text.isEmpty || !thought.isEmpty || !calls.isEmpty else { continue }
            self.text += text
            self.thought += thought
            self.calls += calls
            lines.append(.object(line(text: text, thought: thought, calls: calls, isDone: false)))
        }
        return lines
    }

    /// A call is told whole: of the pieces of a stream that is the one with the arguments, and the name is in the one
    /// before.
    private mutating func call(_ piece: JSONValue) -> JSONValue? {
        let function = piece["function"] ?? .null
        if let name = function["name"]?.stringValue {
            pendingName = name
            return nil
        }
        let arguments = function["arguments"]?.stringValue.flatMap { try? JSONValue(parsing: $0) }
        return ["function": ["name": .string(pendingName), "arguments": arguments ?? [:]]]
    }

    mutating func closing() -> [JSONValue] {
        _ = inner.closing()
        return [.object(ending(line(text: "", thought: "", calls: [], isDone: true)))]
    }

    var whole: JSONValue {
        .object(ending(line(text: text, thought: thought, calls: calls, isDone: true)))
    }

    private func line(text: String, thought: String, calls: [JSONValue], isDone: Bool) -> JSONObject {
        var line: JSONObject = ["model": .string(model), "created_at": .string(LogLine.utcTime(Clocks.unix()))]
        if isChat {
            var message: JSONObject = ["role": "assistant", "content": .string(text), "images": nil]
            if !thought.isEmpty { message["thinking"] = .string(thought) }
            if !calls.isEmpty { message["tool_calls"] = .array(calls) }
            line["message"] = .object(message)
        } else {
            line["response"] = .string(text)
        }
        line["done"] = .bool(isDone)
        return line
    }

    /// The reference server says "stop" of every ending, and is followed in that.
    private func ending(_ line: JSONObject) -> JSONObject {
        var line = line
        line["done_reason"] = "stop"
        if !isChat { line["context"] = nil as JSONValue }
        line["total_duration"] = JSONValue(Int((Clocks.unix() - receivedAt) * 1e9))
        line["load_duration"] = nil as JSONValue
        line["prompt_eval_count"] = JSONValue(promptCount)
        line["prompt_eval_duration"] = nil as JSONValue
        line["eval_count"] = JSONValue(outputCount)
        line["eval_duration"] = nil as JSONValue
        return line
    }
}
