import ApusJSON
import ApusWire

/// Counts of a whole request, in OpenAI's words.
struct OpenAIUsage {
    /// Of each sample, prompt-major.
    var samples: [Usage]
    var reasoningTokens: [Int]
    /// Samples of one prompt; a prompt counts once.
    let perPrompt: Int
    let reportsCache: Bool

    init(count: Int, perPrompt: Int, reportsCache: Bool) {
        samples = Array(repeating: Usage(promptTokens: 0), count: count)
        reasoningTokens = Array(repeating: 0, count: count)
        self.perPrompt = perPrompt
        self.reportsCache = reportsCache
    }

    /// `sglext`: where the prompt of the first sample came from, for requests that ask.
    var cacheDetails: JSONValue {
        let cached = samples.first?.cachedTokens ?? 0
        return ["cached_tokens_details": cached > 0 ? ["device": JSONValue(cached), "host": 0] : .null]
    }

    var json: JSONValue {
        let firsts = stride(from: 0, to: samples.count, by: max(perPrompt, 1)).map { samples[$0] }
        let prompt = firsts.reduce(0) { $0 + $1.promptTokens }
        let cached = firsts.reduce(0) { $0 + $1.cachedTokens }
        let completion = samples.reduce(0) { $0 + $1.completionTokens }
        let reasoning = reasoningTokens.reduce(0, +)
        return [
            "prompt_tokens": JSONValue(prompt), "total_tokens": JSONValue(prompt + completion),
            "completion_tokens": JSONValue(completion),
            "prompt_tokens_details": reportsCache ? ["cached_tokens": JSONValue(cached)] : nil,
            "reasoning_tokens": JSONValue(reasoning),
            "completion_tokens_details": reasoning > 0 ? ["reasoning_tokens": JSONValue(reasoning)] : nil,
        ]
    }
}

/// `stream_options`.
struct StreamOptions {
    /// One more chunk at the end carries the usage.
    var includesUsage: Bool
    /// Every chunk carries the usage so far.
    var isContinuous: Bool

    static let rules = [FieldRule("stream_options", .object)]

    init(_ body: JSONObject, includesByDefault: Bool) {
        let options = body.given("stream_options")
        includesUsage = options?["include_usage"]?.boolValue ?? includesByDefault
        isContinuous = options?["continuous_usage_stats"]?.boolValue ?? false
    }
}
