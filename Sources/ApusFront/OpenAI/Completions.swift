import ApusCore
import ApusJSON
import ApusWire

/// `POST /v1/completions`.
struct CompletionRequest: OpenAIRequest {
    let native: JSONObject
    let isStream: Bool
    var grammarFollows: Int32? { nil }
    private let model: String
    private let options: StreamOptions
    private let echo: Echo
    /// Alternatives a position; nil: no log probabilities.
    private let logprobs: Int?
    private let reportsCache: Bool
    private let codec: any PromptCodec
    private let showsTokenIDs: Bool
    private let showsCache: Bool

    /// What stands before the text of each prompt's samples.
    private enum Echo {
        case nothing
        case texts([String])
    }

    static let rules =
        SamplingConversion.rules + StreamOptions.rules + JSONObject.passedRules + [
            FieldRule("prompt", .any, isRequired: true), FieldRule("max_tokens", .integer), FieldRule("echo", .bool),
            FieldRule("logprobs", .integer),
            FieldRule("suffix", .string), FieldRule("json_schema", .string), FieldRule("return_token_ids", .bool),
            FieldRule("response_format", .object),
        ]

    init(_ body: JSONObject, options launch: OpenAIOptions, codec: any PromptCodec) throws(FrontError) {
        try body.check(Self.rules)
        let most = body.given("max_tokens")?.intValue ?? 16
        guard most > 0 else { throw .schema("max_tokens: Value error, max_tokens must be positive") }
        if let suffix = body.given("suffix")?.stringValue, !suffix.isEmpty {
            throw .badRequest("suffix is not supported: this server has no completion template.")
        }
        var parameters = SamplingConversion.parameters(body, defaults: JSONObject())
        parameters["max_new_tokens"] = JSONValue(most)
        if let grammar = try SamplingConversion.grammar(of: body["response_format"]) {
            parameters[grammar.name] = grammar.value
        }

        var native: JSONObject = ["sampling_params": .object(parameters)]
        let prompts = try Self.prompts(body["prompt"], &native)
        body.passed(to: &native)
        let isEchoed = body.given("echo")?.boolValue ?? false
        logprobs = body.given("logprobs")?.intValue
        if let logprobs {
            native["return_logprob"] = true
            native["top_logprobs_num"] = JSONValue(logprobs)
            native["logprob_start_len"] = isEchoed ? 0 : -1
        }
        isStream = body.given("stream")?.boolValue ?? false
        native["stream"] = .bool(isStream)
        self.native = native
        echo = isEchoed ? .texts(prompts.map { Self.text(of: $0, codec) }) : .nothing
        model = body.given("model")?.stringValue ?? "default"
        options = StreamOptions(body, includesByDefault: launch.includesUsage)
        reportsCache = launch.reportsCache
        showsTokenIDs = body.given("return_token_ids")?.boolValue ?? false
        showsCache = body.given("return_cached_tokens_details")?.boolValue ?? false
        self.codec = codec
    }

    private static func prompts(_ prompt: JSONValue?, _ native: inout JSONObject) throws(FrontError) -> [JSONValue] {
        switch prompt {
        case .string(let text)?:
            guard !text.isEmpty else { throw .badRequest("Prompt cannot be empty") }
            native["text"] = .string(text)
            return [.string(text)]
        case .array(let items)?:
            guard !items.isEmpty else { throw .badRequest("Prompt cannot be empty") }
            let value = JSONValue.array(items)
            if FieldShape.integers.matches(value) {
                native["input_ids"] = value
                return [value]
            }
            if FieldShape.integersOrLists.matches(value) {
                native["input_ids"] = value
            } else if FieldShape.stringOrList.matches(value) {
                native["text"] = value
            } else {
                throw .schema("prompt: expected a string, an array of strings or arrays of integers")
            }
            return items
        default: throw .schema("prompt: expected a string, an array of strings or arrays of integers")
        }
    }

    private static func text(of prompt: JSONValue, _ codec: any PromptCodec) -> String {
        if let text = prompt.stringValue { return text }
        let ids = (prompt.arrayValue ?? []).compactMap { $0.intValue.flatMap { Int32(exactly: $0) } }
        return codec.decode(ids, skipSpecialTokens: true)
    }

    func answer(to run: GenerateRun, created: Int) -> any OpenAIAnswer {
        let perPrompt = max(1, run.plan.samples.count / max(1, promptCount))
        var echoes: [String] = []
        if case .texts(let texts) = echo {
            echoes = texts.flatMap { Array(repeating: $0, count: perPrompt) }
        }
        return CompletionAnswer(
            head: AnswerHead(run: run, created: created, model: model), options: options,
            usage: OpenAIUsage(count: run.plan.samples.count, perPrompt: perPrompt, reportsCache: reportsCache),
            echoes: echoes, tokens: logprobs == nil ? nil : TokenTexts(codec: codec), showsTokenIDs: showsTokenIDs,
            showsCache: showsCache)
    }

    private var promptCount: Int {
        if let texts = native["text"]?.arrayValue { return texts.count }
        if let ids = native["input_ids"]?.arrayValue, ids.first?.arrayValue != nil { return ids.count }
        return 1
    }
}

/// What is the same in all chunks of an answer.
struct AnswerHead {
    let run: GenerateRun
    let created: Int
    let model: String

    /// A chunk carries the id of its sample; what belongs to no sample, that of the first.
    func object(_ kind: JSONValue, sample: Int = 0, _ rest: JSONObject) -> JSONValue {
        var object: JSONObject = [
            "id": .string(run.plan.samples[sample].rid), "object": kind, "created": JSONValue(created),
            "model": .string(model),
        ]
        for member in rest { object[member.key] = member.value }
        return .object(object)
    }

    /// The weights that made the answer: those of its first sample.
    func metadata(_ usage: OpenAIUsage) -> JSONValue {
        let weights = WeightVersions(
            usage.samples.first ?? Usage(promptTokens: 0), fallback: run.scheduler.weightVersion)
        return ["weight_version": weights.last, "weight_versions": weights.json]
    }
}

struct CompletionAnswer: OpenAIAnswer {
    private let head: AnswerHead
    private let options: StreamOptions
    private var usage: OpenAIUsage
    private let echoes: [String]
    private let tokens: TokenTexts?
    private let showsTokenIDs: Bool
    private let showsCache: Bool
    private var samples: [Sample]

    private struct Sample {
        var text = ""
        var ids: [Int32] = []
        var logprobs: [TokenLogprobs] = []
        var promptLogprobs: [TokenLogprobs] = []
        var hidden: HiddenStates?
        var finish: FinishReason?
        var hasBegun = false
    }

    init(
        head: AnswerHead, options: StreamOptions, usage: OpenAIUsage, echoes: [String], tokens: TokenTexts?,
        showsTokenIDs: Bool, showsCache: Bool
    ) {
        self.head = head
        self.options = options
        self.usage = usage
        self.echoes = echoes
        self.tokens = tokens
        self.showsTokenIDs = showsTokenIDs
        self.showsCache = showsCache
        samples = head.run.plan.samples.map { Sample(hidden: $0.hidden.map(HiddenStates.init)) }
    }

    mutating func opening() -> [JSONValue] { [] }

    mutating func absorb(_ update: ReplyUpdate, sample index: Int) -> [JSONValue] {
        usage.samples[index] = update.usage
        var text = update.text
        var prompt: [TokenLogprobs] = []
        if !samples[index].hasBegun {
            samples[index].hasBegun = true
            if index < echoes.count { text = echoes[index] + text }
        }
        if !update.promptLogprobs.isEmpty {
            prompt = update.promptLogprobs
            samples[index].promptLogprobs = prompt
        }
        samples[index].text += text
        samples[index].ids += update.ids
        samples[index].logprobs += update.logprobs
        samples[index].hidden?.absorb(update)
        samples[index].finish = update.finish
        let choice = choice(index, text: text, logprobs: prompt + update.logprobs, finish: update.finish)
        var rest: JSONObject = ["choices": [.object(choice)]]
        rest["usage"] = options.isContinuous ? usage.json : .null
        return [head.object("text_completion", sample: index, rest)]
    }

    private func choice(
        _ index: Int, text: String, logprobs: [TokenLogprobs], finish: FinishReason?
    ) -> JSONObject {
        let ending = finish?.openAI
        return [
            "index": JSONValue(index), "text": .string(text), "logprobs": tokens?.completion(logprobs) ?? .null,
            "finish_reason": ending?.name ?? .null, "matched_stop": ending?.matched ?? .null,
        ]
    }

    mutating func closing() -> [JSONValue] {
        var chunks: [JSONValue] = []
        if showsCache { chunks.append(head.object("text_completion", ["choices": [], "sglext": usage.cacheDetails])) }
        if options.includesUsage {
            chunks.append(head.object("text_completion", ["choices": [], "usage": usage.json]))
        }
        return chunks
    }

    var whole: JSONValue {
        let choices = samples.indices.map { index -> JSONValue in
            let sample = samples[index]
            var choice = choice(
                index, text: sample.text, logprobs: sample.promptLogprobs + sample.logprobs, finish: sample.finish)
            if let hidden = sample.hidden { choice["hidden_states"] = hidden.last }
            if showsTokenIDs { choice["token_ids"] = .array(sample.ids.map { JSONValue($0) }) }
            return .object(choice)
        }
        var rest: JSONObject = [
            "choices": .array(choices), "usage": usage.json, "metadata": head.metadata(usage),
        ]
        if showsCache { rest["sglext"] = usage.cacheDetails }
        return head.object("text_completion", rest)
    }
}
