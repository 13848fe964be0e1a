import ApusCore
import ApusJSON

/// `POST /v1/chat/completions`.
struct ChatRequest: OpenAIRequest {
    let native: JSONObject
    let isStream: Bool
    let model: String
    let options: StreamOptions
    let tools: OfferedTools
    let toolFormat: ToolCallFormat?
    /// How the calls are written that the output consists of; nil: it need not, or no parser was asked for.
    let forcedCalls: CallSyntax?
    /// Calls that the model made of its own accord are told while they come.
    var tellsCallsInPieces: Bool
    let reasoning: ReasoningSplitter?
    let grammarFollows: Int32?
    let showsLogprobs: Bool
    let showsPromptIDs: Bool
    let showsResponseIDs: Bool
    let reportsCache: Bool
    let showsCache: Bool
    let showsMeta: Bool
    let codec: any PromptCodec

    /// What the server brings to every chat.
    struct Setting: Sendable {
        let codec: any PromptCodec
        let options: OpenAIOptions
        let toolFormat: ToolCallFormat?
        let reasoning: ReasoningParser?
        /// Constrained JSON has no white space.
        let isCompact: Bool
    }

    var looksForCalls: Bool { !tools.names.isEmpty }

    static let rules =
        SamplingConversion.rules + StreamOptions.rules + JSONObject.passedRules + ChatPrompt.rules + [
            FieldRule("max_tokens", .integer), FieldRule("max_completion_tokens", .integer),
            FieldRule("logprobs", .bool), FieldRule("top_logprobs", .integer), FieldRule("response_format", .object),
            FieldRule("tool_choice", .any), FieldRule("parallel_tool_calls", .bool),
            FieldRule("separate_reasoning", .bool), FieldRule("stream_reasoning", .bool),
            FieldRule("input_ids", .integers), FieldRule("return_prompt_token_ids", .bool),
            FieldRule("return_token_ids", .bool), FieldRule("return_meta_info", .bool), FieldRule("reasoning", .object),
        ]

    init(_ body: JSONObject, _ setting: Setting) throws(FrontError) {
        try body.check(Self.rules)
        isStream = body.given("stream")?.boolValue ?? false
        tellsCallsInPieces = isStream
        model = body.given("model")?.stringValue ?? "default"
        options = StreamOptions(body, includesByDefault: setting.options.includesUsage)
        reportsCache = setting.options.reportsCache
        codec = setting.codec
        showsLogprobs = body.given("logprobs")?.boolValue ?? false
        showsPromptIDs = body.given("return_prompt_token_ids")?.boolValue ?? false
        showsResponseIDs = body.given("return_token_ids")?.boolValue ?? false
        showsCache = body.given("return_cached_tokens_details")?.boolValue ?? false
        showsMeta = body.given("return_meta_info")?.boolValue ?? false
        let whole = [
            ("return_prompt_token_ids", showsPromptIDs), ("return_token_ids", showsResponseIDs),
            ("return_meta_info", showsMeta),
        ]
        for (name, isAsked) in whole where isAsked && isStream {
            throw .badRequest(
                "\(name) is not supported with streaming. Please set stream=false when using \(name)=true.")
        }

        let offered = try OfferedTools(body["tools"])
        let choice = try ToolChoice(body.given("tool_choice"), offered)
        let usesTools = choice != .none
        tools = offered
        toolFormat = usesTools ? setting.toolFormat : nil
        let syntax = CallSyntax(setting.toolFormat, isCompact: setting.isCompact)
        forcedCalls = choice.isForced && setting.toolFormat != nil ? syntax : nil
        let kwargs = body.given("chat_template_kwargs")
        let effort = try ChatPrompt.effort(body)
        let thinks = kwargs?["enable_thinking"] != false && kwargs?["thinking"] != false && effort != "none"
        let separates = body.given("separate_reasoning")?.boolValue ?? true
        reasoning = separates ? setting.reasoning?.splitter(thinks: thinks) : nil
        grammarFollows =
            setting.reasoning?.thinksFirst(thinks) ?? false ? setting.codec.tokenID(of: ReasoningSplitter.end) : nil

        var native: JSONObject = [:]
        if let ids = body.given("input_ids") {
            native["input_ids"] = ids
        } else {
            let text = try ChatPrompt(template: setting.codec.chatTemplate, codec: setting.codec).text(
                body, tools: usesTools ? offered.definitions : nil, variables: setting.options.templateVariables)
            // The template has put the special tokens into the text itself.
            native["input_ids"] = .array(try Self.encode(text, setting.codec).map { JSONValue($0) })
        }
        var parameters = SamplingConversion.parameters(body, defaults: setting.options.samplingDefaults)
        parameters["max_new_tokens"] = try Self.length(body, setting.options)
        let grammar = try SamplingConversion.grammar(of: body["response_format"])
        if let grammar { parameters[grammar.name] = grammar.value }
        let isConstrained = grammar != nil || ["regex", "ebnf"].contains { body.given($0) != nil }
        let constraint = ToolConstraint(
            tools: offered, syntax: syntax, isParallel: body.given("parallel_tool_calls")?.boolValue ?? true)
        if choice.isForced {
            guard !isConstrained else {
                throw .badRequest(
                    "tool_choice 'required' or a named tool cannot be combined with response_format, regex, or ebnf: "
                        + "the tool-call constraint and the output constraint cannot both be honored.")
            }
            parameters["structural_tag"] = .string("\(try constraint.forced(choice))")
        } else if choice == .auto, toolFormat != nil, !isConstrained, let tag = try constraint.strict() {
            parameters["structural_tag"] = .string("\(tag)")
        }
        if toolFormat != nil { parameters["skip_special_tokens"] = false }
        native["sampling_params"] = .object(parameters)
        native["stream"] = .bool(isStream)
        native["return_prompt_token_ids"] = .bool(showsPromptIDs)
        if showsLogprobs {
            native["return_logprob"] = true
            native["top_logprobs_num"] = body.given("top_logprobs") ?? 0
        }
        body.passed(to: &native)
        self.native = native
    }

    private static func length(_ body: JSONObject, _ options: OpenAIOptions) throws(FrontError) -> JSONValue {
        if let most = body.given("max_completion_tokens")?.intValue, most != 0 {
            if let context = options.contextLength, most > context {
                throw .badRequest(
                    "max_completion_tokens is too large: \(most)."
                        + "This model supports at most \(context) completion tokens.")
            }
            return JSONValue(most)
        }
        return body.given("max_tokens") ?? .null
    }

    static func encode(_ text: String, _ codec: any PromptCodec) throws(FrontError) -> [Int32] {
        do {
            return try codec.encode(text, addSpecialTokens: false)
        } catch {
            throw .badRequest("The prompt cannot be tokenized: \(error)")
        }
    }

    func answer(to run: GenerateRun, created: Int) -> any OpenAIAnswer {
        ChatAnswer(request: self, head: AnswerHead(run: run, created: created, model: model))
    }
}

extension ChatRequest.Setting {
    init(_ service: FrontService) {
        codec = service.codec
        options = service.configuration.openAI
        toolFormat = service.configuration.toolCallParser.flatMap { ToolCallFormat(named: $0) }
        reasoning = service.configuration.reasoningParser.flatMap { ReasoningParser(named: $0) }
        isCompact = service.configuration.grammars.whitespace == .none
    }
}
