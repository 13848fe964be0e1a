import ApusJSON
import ArgumentParser

/// The protocols that can be measured. The first names are those of SGLang's `bench_serving`.
enum Backend: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// `/generate`, as SGLang and Apus serve it.
    case sglang
    /// The same, by its other name.
    case sglangNative = "sglang-native"
    /// `/v1/completions` with token ids as the prompt: SGLang, vLLM, llama.cpp, OpenVINO and Apus.
    case sglangOAI = "sglang-oai"
    /// `/v1/chat/completions`.
    case sglangOAIChat = "sglang-oai-chat"
    /// llama.cpp's own `/completion`.
    case llamaCpp = "llama-cpp"
    /// `/encode`: one embedding a request.
    case sglangEmbedding = "sglang-embedding"
    /// `/v1/embeddings`.
    case openAIEmbedding = "openai-embedding"
    /// `/v1/rerank`: one query with the documents of a request.
    case rerank

    var path: String {
        switch self {
        case .sglang, .sglangNative: "/generate"
        case .sglangOAI: "/v1/completions"
        case .sglangOAIChat: "/v1/chat/completions"
        case .llamaCpp: "/completion"
        case .sglangEmbedding: "/encode"
        case .openAIEmbedding: "/v1/embeddings"
        case .rerank: "/v1/rerank"
        }
    }

    var generates: Bool {
        switch self {
        case .sglang, .sglangNative, .sglangOAI, .sglangOAIChat, .llamaCpp: true
        case .sglangEmbedding, .openAIEmbedding, .rerank: false
        }
    }

    /// Prompts travel as text rather than as token ids.
    var takesText: Bool {
        switch self {
        case .sglangOAIChat, .rerank: true
        default: false
        }
    }

    func body(of request: BenchRequest, model: String, stream: Bool, ignoreEOS: Bool) -> JSONObject {
        let ids = JSONValue.array(request.tokens.map { .integer(Int64($0)) })
        let text = JSONValue.string(request.text)
        let limit = JSONValue.integer(Int64(request.outputLength))
        switch self {
        case .sglang, .sglangNative:
            return [
                "input_ids": ids, "stream": .bool(stream),
                "sampling_params": ["temperature": 0, "max_new_tokens": limit, "ignore_eos": .bool(ignoreEOS)],
            ]
        case .sglangOAI:
            return [
                "model": .string(model), "prompt": ids, "temperature": 0, "max_tokens": limit, "stream": .bool(stream),
                "ignore_eos": .bool(ignoreEOS), "stream_options": stream ? ["include_usage": true] : nil,
            ]
        case .sglangOAIChat:
            return [
                "model": .string(model), "messages": Self.messages(request.saidTexts), "temperature": 0,
                "max_tokens": limit, "stream": .bool(stream), "ignore_eos": .bool(ignoreEOS),
                "stream_options": stream ? ["include_usage": true] : nil,
            ]
        case .llamaCpp:
            return [
                "prompt": ids, "temperature": 0, "n_predict": limit, "stream": .bool(stream),
                "ignore_eos": .bool(ignoreEOS), "cache_prompt": true,
            ]
        case .sglangEmbedding:
            return ["input_ids": ids]
        case .openAIEmbedding:
            return ["model": .string(model), "input": ids]
        case .rerank:
            return [
                "query": text, "documents": .array(request.documents.map { .string($0) }), "return_documents": false,
            ]
        }
    }

    private static func messages(_ texts: [String]) -> JSONValue {
        .array(
            texts.enumerated().map { index, text in
                ["role": index % 2 == 0 ? "user" : "assistant", "content": .string(text)]
            })
    }

    /// What one JSON of an answer says: whether it brought text, and counts where it has them.
    func progress(in json: JSONValue) -> Progress {
        var progress = Progress()
        if let message = json["error"]?["message"]?.stringValue ?? json["error"]?.stringValue {
            progress.failure = message
        }
        switch self {
        case .sglang, .sglangNative:
            let first = json.arrayValue?.first ?? json
            progress.outputTokens = first["meta_info"]?["completion_tokens"]?.intValue
            progress.promptTokens = first["meta_info"]?["prompt_tokens"]?.intValue
            progress.cachedTokens = first["meta_info"]?["cached_tokens"]?.intValue
            progress.bringsToken = (progress.outputTokens ?? 0) > 0
            if first["meta_info"]?["finish_reason"]?.isNull == false {
                progress.outputIDs = first["output_ids"]?.arrayValue?.compactMap(\.intValue)
            }
        case .sglangOAI, .sglangOAIChat:
            progress.outputTokens = json["usage"]?["completion_tokens"]?.intValue
            progress.promptTokens = json["usage"]?["prompt_tokens"]?.intValue
            progress.cachedTokens = json["usage"]?["prompt_tokens_details"]?["cached_tokens"]?.intValue
            let choice = json["choices"]?[0]
            let text = choice?["text"] ?? choice?["delta"]?["content"] ?? choice?["message"]?["content"]
            progress.bringsToken = text?.stringValue?.isEmpty == false
            if self == .sglangOAIChat { progress.text = text?.stringValue }
        case .llamaCpp:
            progress.outputTokens = json["tokens_predicted"]?.intValue
            progress.promptTokens = json["tokens_evaluated"]?.intValue
            progress.cachedTokens = json["timings"]?["cache_n"]?.intValue
            progress.bringsToken = json["content"]?.stringValue?.isEmpty == false
        case .sglangEmbedding:
            progress.promptTokens = json["meta_info"]?["prompt_tokens"]?.intValue
        case .openAIEmbedding:
            progress.promptTokens = json["usage"]?["prompt_tokens"]?.intValue
        case .rerank:
            progress.promptTokens = json.arrayValue?.compactMap { $0["meta_info"]?["prompt_tokens"]?.intValue }
                .reduce(0, +)
        }
        return progress
    }

    struct Progress {
        var bringsToken = false
        /// Tokens generated so far.
        var outputTokens: Int?
        var promptTokens: Int?
        var cachedTokens: Int?
        /// All that were generated, in the last part of an answer; nil: the protocol does not tell.
        var outputIDs: [Int]?
        /// A piece of the answer, where conversations are told as texts.
        var text: String?
        var failure: String?
    }
}
