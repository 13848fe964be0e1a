import ApusCore
package import ApusJSON

/// A request of an OpenAI-style route, checked and put in the words of `/generate`.
protocol OpenAIRequest: Sendable {
    /// The body of `/generate` that asks for the same.
    var native: JSONObject { get }
    var isStream: Bool { get }
    /// What constrains the output does so only behind the first of these tokens: the end of thinking.
    var grammarFollows: Int32? { get }
    /// The text may hold calls of tools; long ones are searched again with each token.
    var looksForCalls: Bool { get }

    /// The growing answer. `created`: Unix seconds.
    func answer(to run: GenerateRun, created: Int) -> any OpenAIAnswer
}

extension OpenAIRequest {
    var looksForCalls: Bool { false }
}

/// The answer to one request as it grows, for all its samples: chunks of a stream, or what all of them say together.
protocol OpenAIAnswer {
    /// Chunks before the first token.
    mutating func opening() -> [JSONValue]
    /// Takes in what came for one sample and gives the chunks that say it.
    mutating func absorb(_ update: ReplyUpdate, sample: Int) -> [JSONValue]
    /// Chunks after the last token of all samples.
    mutating func closing() -> [JSONValue]
    /// The buffered answer.
    var whole: JSONValue { get }
}

/// What the server's launch says about OpenAI-style routes.
package struct OpenAIOptions: Sendable {
    /// Sampling defaults of chat from the model's generation_config.json; empty with `--sampling-defaults openai`.
    package var samplingDefaults = JSONObject()
    package var reportsCache = false
    package var includesUsage = false
    /// Variables for every chat template, under those of a request.
    package var templateVariables = JSONObject()
    /// Given with `--context-length`: `max_completion_tokens` may not pass it.
    package var contextLength: Int?

    package init() {}
}

extension JSONObject {
    /// Members that mean the same on `/generate` and on OpenAI-style routes.
    func passed(to native: inout JSONObject) {
        let names = [
            "rid", "extra_key", "cache_salt", "priority", "lora_path", "session_params", "custom_logit_processor",
            "return_hidden_states", "custom_labels", "routing_key",
        ]
        for name in names {
            if let value = given(name) { native[name] = value }
        }
    }

    static let passedRules: [FieldRule] = [
        FieldRule("return_cached_tokens_details", .bool),
        FieldRule("rid", .stringOrList), FieldRule("extra_key", .stringOrList), FieldRule("cache_salt", .stringOrList),
        FieldRule("priority", .integer), FieldRule("lora_path", .stringOrList), FieldRule("model", .string),
        FieldRule("stream", .bool), FieldRule("user", .string), FieldRule("return_hidden_states", .boolOrList),
    ]
}

extension FinishReason {
    /// OpenAI's name of an ending, and what matched.
    var openAI: (name: JSONValue, matched: JSONValue) {
        switch self {
        case .stopToken(let id), .grammarEnd(let id): ("stop", JSONValue(id))
        case .stopString(let text), .stopRegex(let text): ("stop", .string(text))
        case .notANumber: ("stop", "NaN happened")
        case .length: ("length", nil)
        case .abort: ("abort", nil)
        }
    }
}
