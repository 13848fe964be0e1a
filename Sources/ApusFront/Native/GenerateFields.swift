import ApusJSON

/// The members of a `/generate` body.
enum GenerateFields {
    static let rules: [FieldRule] = [
        FieldRule("text", .stringOrList),
        FieldRule("input_ids", .integersOrLists),
        FieldRule("input_embeds", .any),
        FieldRule("sampling_params", .objectOrList),
        FieldRule("rid", .stringOrList),
        FieldRule("stream", .bool),
        FieldRule("return_logprob", .boolOrList),
        FieldRule("logprob_start_len", .integerOrList),
        FieldRule("top_logprobs_num", .integerOrList),
        FieldRule("token_ids_logprob", .integersOrLists),
        FieldRule("return_text_in_logprobs", .bool),
        FieldRule("return_prompt_token_ids", .bool),
        FieldRule("return_hidden_states", .boolOrList),
        FieldRule("return_routed_experts", .bool),
        FieldRule("require_reasoning", .bool),
        FieldRule("max_thinking_tokens", .integer),
        FieldRule("priority", .integer),
        FieldRule("routed_dp_rank", .integer),
        FieldRule("extra_key", .stringOrList),
        FieldRule("cache_salt", .stringOrList),
        FieldRule("routing_key", .string),
        FieldRule("session_id", .string),
        FieldRule("session_params", .objectOrList),
        FieldRule("lora_path", .stringOrList),
        FieldRule("custom_logit_processor", .stringOrList),
        FieldRule("custom_labels", .object),
    ]

    /// What is known and not served: the member, and the refusal of a value that asks for it.
    private static let unsupported: [(name: String, refusal: @Sendable (JSONValue) -> FrontError?)] = [
        ("lora_path", { _ in .notYet("lora_path") }),
        ("session_id", { _ in .notYet("session_id") }),
        (
            "custom_logit_processor",
            { _ in
                .refused(
                    "The server is not configured to enable custom logit processor. "
                        + "Please set `--enable-custom-logit-processor` to enable this feature.")
            }
        ),
        ("image_data", { _ in .notYet("image_data") }),
        ("video_data", { _ in .notYet("video_data") }),
        ("audio_data", { _ in .notYet("audio_data") }),
        (
            "max_thinking_tokens",
            { _ in
                .refused("max_thinking_tokens requires the server to be launched with --enable-strict-thinking")
            }
        ),
        ("routed_dp_rank", { $0 == 0 ? nil : .refused("routed_dp_rank must be 0: there is one replica, got \($0).") }),
        ("return_routed_experts", { $0 == true ? .notYet("return_routed_experts") : nil }),
    ]

    /// The strict check, before anything else: names and types inside `sampling_params`, and one more type.
    static func checkStrictly(_ body: JSONObject) throws(FrontError) {
        switch body["sampling_params"] {
        case .object(let object)?: try SamplingFields.check(object)
        case .array(let elements)?:
            for case .object(let object) in elements { try SamplingFields.check(object) }
        default: break
        }
        if let value = body.given("return_hidden_states"), !FieldShape.boolOrList.matches(value) {
            throw SamplingFields.mismatch(value, "a value or an array of values for BoolOrList")
        }
    }

    static func refuseUnsupported(_ body: JSONObject) throws(FrontError) {
        for (name, refusal) in unsupported {
            if let value = body.given(name), let error = refusal(value) { throw error }
        }
    }
}
