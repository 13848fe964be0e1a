import ApusCore
import ApusJSON
import ApusWire

/// The answer of a chat as it grows.
struct ChatAnswer: OpenAIAnswer {
    private let request: ChatRequest
    private let head: AnswerHead
    private var usage: OpenAIUsage
    private var samples: [Sample]

    private struct Sample {
        var reasoning: ReasoningSplitter?
        var tools: ToolCallSplitter?
        var forced: ForcedCallSplitter?
        var spoken = ""
        var thought = ""
        var calls: [(id: String, call: ToolCall)] = []
        var ids: [Int32] = []
        var logprobs: [TokenLogprobs] = []
        var hidden: HiddenStates?
        var finish: FinishReason?
        var reasoningIsOver = false

        /// OpenAI's ending: calls replace an ordinary stop.
        func ending(isBuffered: Bool) -> (name: JSONValue, matched: JSONValue) {
            guard let finish else { return (nil, nil) }
            let ending = finish.openAI
            guard ending.name == "stop", !calls.isEmpty else { return ending }
            return ("tool_calls", isBuffered ? nil : ending.matched)
        }
    }

    /// What one update says.
    private struct Piece {
        var reasoning = ""
        var content = ""
        var calls: [CallPiece] = []
    }

    private static let kind: JSONValue = "chat.completion.chunk"

    init(request: ChatRequest, head: AnswerHead) {
        self.request = request
        self.head = head
        let count = head.run.plan.samples.count
        usage = OpenAIUsage(count: count, perPrompt: count, reportsCache: request.reportsCache)
        var sample = Sample()
        sample.reasoning = request.reasoning
        if let syntax = request.forcedCalls {
            sample.forced = ForcedCallSplitter(syntax, tools: request.tools.names)
        } else {
            sample.tools = request.toolFormat.map {
                ToolCallSplitter($0, tools: request.tools.names, isLive: request.tellsCallsInPieces)
            }
        }
        samples = head.run.plan.samples.map { planned in
            sample.hidden = planned.hidden.map(HiddenStates.init)
            return sample
        }
    }

    // MARK: Growing

    mutating func opening() -> [JSONValue] {
        samples.indices.map { chunk($0, delta: ["reasoning_content": nil, "role": "assistant", "content": ""]) }
    }

    mutating func absorb(_ update: ReplyUpdate, sample index: Int) -> [JSONValue] {
        usage.samples[index] = update.usage
        samples[index].ids += update.ids
        samples[index].logprobs += update.logprobs
        samples[index].hidden?.absorb(update)
        samples[index].finish = update.finish
        countReasoning(update, index)
        let piece = split(update.text, isLast: update.finish != nil, index)
        samples[index].thought += piece.reasoning
        samples[index].spoken += piece.content

        var chunks: [JSONValue] = []
        if !piece.reasoning.isEmpty {
            chunks.append(chunk(index, delta: ["reasoning_content": .string(piece.reasoning)]))
        }
        if !piece.content.isEmpty || (request.showsLogprobs && !update.logprobs.isEmpty) {
            chunks.append(
                chunk(
                    index, delta: ["reasoning_content": nil, "content": .string(piece.content)],
                    logprobs: update.logprobs))
        }
        for call in piece.calls { chunks.append(callChunk(index, call)) }
        return chunks
    }

    private mutating func split(_ text: String, isLast: Bool, _ index: Int) -> Piece {
        var piece = Piece()
        piece.content = text
        if var reasoning = samples[index].reasoning {
            (piece.reasoning, piece.content) = reasoning.absorb(text, isLast: isLast)
            samples[index].reasoning = reasoning
        }
        if var tools = samples[index].tools {
            (piece.content, piece.calls) = tools.absorb(piece.content, isLast: isLast)
            samples[index].tools = tools
        } else if var forced = samples[index].forced {
            (piece.content, piece.calls) = forced.absorb(piece.content, isLast: isLast)
            samples[index].forced = forced
        }
        return piece
    }

    /// Tokens up to the end of thinking, its mark included.
    private mutating func countReasoning(_ update: ReplyUpdate, _ index: Int) {
        guard request.reasoning != nil, !samples[index].reasoningIsOver else { return }
        let end = request.codec.tokenID(of: ReasoningSplitter.end)
        for id in update.ids {
            usage.reasoningTokens[index] += 1
            if id == end {
                samples[index].reasoningIsOver = true
                return
            }
        }
        // Without the mark, only a format whose output begins with thinking has thought.
        if update.finish != nil, var whole = request.reasoning {
            let text = samples[index].thought + samples[index].spoken + update.text
            if whole.absorb(text, isLast: true).reasoning.isEmpty { usage.reasoningTokens[index] = 0 }
        }
    }

    /// Notes what is new of a call, and says it.
    private mutating func callChunk(_ index: Int, _ piece: CallPiece) -> JSONValue {
        let entry: JSONValue
        switch piece {
        case .begin(let toolIndex, let name):
            let id = "call_" + RequestID.random().prefix(24)
            entry = [
                "index": JSONValue(samples[index].calls.count), "id": .string(id), "type": "function",
                "function": ["name": .string(name), "arguments": ""],
            ]
            samples[index].calls.append((id, ToolCall(toolIndex: toolIndex, name: name, arguments: "")))
        case .arguments(let text):
            let position = samples[index].calls.count - 1
            samples[index].calls[position].call.arguments += text
            entry = [
                "index": JSONValue(position), "id": nil, "type": "function",
                "function": ["name": nil, "arguments": .string(text)],
            ]
        }
        return chunk(
            index, delta: ["role": nil, "content": nil, "reasoning_content": nil, "tool_calls": [entry]],
            carriesUsage: true)
    }

    private func chunk(
        _ index: Int, delta: JSONObject, logprobs: [TokenLogprobs] = [], isLast: Bool = false,
        carriesUsage: Bool = false
    ) -> JSONValue {
        let ending: (name: JSONValue, matched: JSONValue) =
            isLast ? samples[index].ending(isBuffered: false) : (nil, nil)
        let shown: JSONValue =
            request.showsLogprobs && !logprobs.isEmpty ? TokenTexts(codec: request.codec).chat(logprobs) : nil
        var rest: JSONObject = [
            "choices": [
                [
                    "index": JSONValue(index), "delta": .object(delta), "logprobs": shown,
                    "finish_reason": ending.name, "matched_stop": ending.matched,
                ]
            ]
        ]
        if request.options.isContinuous {
            rest["usage"] = usage.json
        } else if carriesUsage {
            rest["usage"] = .null
        }
        return head.object(Self.kind, sample: index, rest)
    }

    mutating func closing() -> [JSONValue] {
        var chunks = samples.indices.map { chunk($0, delta: ["reasoning_content": nil], isLast: true) }
        for index in samples.indices {
            guard let hidden = samples[index].hidden else { continue }
            chunks.append(chunk(index, delta: ["reasoning_content": nil, "hidden_states": hidden.last]))
        }
        if request.showsCache { chunks.append(head.object(Self.kind, ["choices": [], "sglext": usage.cacheDetails])) }
        if request.options.includesUsage {
            chunks.append(head.object(Self.kind, ["choices": [], "usage": usage.json]))
        }
        return chunks
    }

    // MARK: Whole

    var whole: JSONValue {
        let choices = samples.indices.map { index -> JSONValue in
            let sample = samples[index]
            var message: JSONObject = [
                "role": "assistant", "content": .string(sample.spoken),
                "reasoning_content": sample.thought.isEmpty ? nil : .string(sample.thought),
            ]
            if !sample.calls.isEmpty {
                message["tool_calls"] = .array(
                    sample.calls.enumerated().map { position, entry in
                        [
                            "id": .string(entry.id), "index": JSONValue(position), "type": "function",
                            "function": ["name": .string(entry.call.name), "arguments": .string(entry.call.arguments)],
                        ]
                    })
            }
            let ending = sample.ending(isBuffered: true)
            var choice: JSONObject = [
                "index": JSONValue(index), "message": .object(message),
                "logprobs": request.showsLogprobs ? TokenTexts(codec: request.codec).chat(sample.logprobs) : nil,
                "finish_reason": ending.name, "matched_stop": ending.matched,
            ]
            if let hidden = sample.hidden { choice["hidden_states"] = hidden.last }
            if request.showsPromptIDs {
                choice["prompt_token_ids"] = .array(head.run.plan.samples[index].promptIDs.map { JSONValue($0) })
            }
            if request.showsMeta { choice["meta_info"] = metaInfo(index) }
            if request.showsResponseIDs { choice["response_token_ids"] = .array(sample.ids.map { JSONValue($0) }) }
            return .object(choice)
        }
        var rest: JSONObject = [
            "choices": .array(choices), "usage": usage.json, "metadata": head.metadata(usage),
        ]
        if request.showsCache { rest["sglext"] = usage.cacheDetails }
        return head.object("chat.completion", rest)
    }

    /// What `/generate` would say of this sample.
    private func metaInfo(_ index: Int) -> JSONValue {
        let counts = usage.samples[index]
        let weights = WeightVersions(counts, fallback: head.run.scheduler.weightVersion)
        return [
            "id": .string(head.run.plan.samples[index].rid),
            "finish_reason": samples[index].finish?.json(neverRan: false) ?? .null,
            "prompt_tokens": JSONValue(counts.promptTokens), "weight_version": weights.last,
            "num_retractions": JSONValue(counts.retractions), "total_retractions": JSONValue(counts.retractions),
            "reasoning_tokens": JSONValue(usage.reasoningTokens[index]),
            "completion_tokens": JSONValue(counts.completionTokens), "cached_tokens": JSONValue(counts.cachedTokens),
            "weight_versions": weights.json,
        ]
    }
}
