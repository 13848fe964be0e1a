import ApusJSON

/// OpenAI's parameters as `sampling_params` of `/generate`: nearly every key is set, so that the server's preferred
/// parameters show through on `/generate` only.
struct SamplingConversion {
    static let rules: [FieldRule] = [
        FieldRule("temperature", .number), FieldRule("top_p", .number), FieldRule("top_k", .integer),
        FieldRule("min_p", .number), FieldRule("frequency_penalty", .number), FieldRule("presence_penalty", .number),
        FieldRule("repetition_penalty", .number), FieldRule("min_tokens", .integer), FieldRule("seed", .integer),
        FieldRule("stop", .stringOrList), FieldRule("stop_token_ids", .integers),
        FieldRule("stop_regex", .stringOrList), FieldRule("no_stop_trim", .bool), FieldRule("ignore_eos", .bool),
        FieldRule("skip_special_tokens", .bool), FieldRule("n", .integer), FieldRule("logit_bias", .object),
        FieldRule("custom_params", .object), FieldRule("regex", .string), FieldRule("ebnf", .string),
    ]

    /// `defaults`: what the model's generation_config.json says of temperature, top_p, top_k, min_p, repetition_penalty.
    static func parameters(_ body: JSONObject, defaults: JSONObject) -> JSONObject {
        var parameters = JSONObject()
        let fallbacks: [(String, JSONValue)] = [
            ("temperature", 1), ("top_p", 1), ("top_k", -1), ("min_p", 0), ("repetition_penalty", 1),
        ]
        for (name, fallback) in fallbacks { parameters[name] = body.given(name) ?? defaults.given(name) ?? fallback }
        for name in ["frequency_penalty", "presence_penalty"] { parameters[name] = body.given(name) ?? 0 }
        parameters["min_new_tokens"] = body.given("min_tokens") ?? 0
        parameters["n"] = body.given("n") ?? 1
        for name in ["no_stop_trim", "ignore_eos"] { parameters[name] = body.given(name) ?? false }
        parameters["skip_special_tokens"] = body.given("skip_special_tokens") ?? true
        let passed = [
            "stop", "stop_token_ids", "stop_regex", "logit_bias", "custom_params", "regex", "ebnf", "json_schema",
        ]
        for name in passed {
            if let value = body.given(name) { parameters[name] = value }
        }
        if let seed = body.given("seed") { parameters["sampling_seed"] = seed }
        return parameters
    }

    /// `response_format` as a grammar parameter.
    static func grammar(of format: JSONValue?) throws(FrontError) -> (name: String, value: JSONValue)? {
        guard let format, !format.isNull else { return nil }
        switch format["type"]?.stringValue {
        case "text": return nil
        case "json_object": return ("json_schema", #"{"type":"object"}"#)
        case "json_schema":
            guard let schema = format["json_schema"]?["schema"], !schema.isNull else {
                throw .badRequest("schema_ is required for json_schema response format request.")
            }
            return ("json_schema", .string("\(schema)"))
        case "structural_tag": return ("structural_tag", .string("\(format)"))
        default:
            throw .schema(
                "response_format.type: expected 'text', 'json_object', 'json_schema' or 'structural_tag'")
        }
    }
}

extension FrontError {
    /// A handler of an OpenAI-style route refuses the request.
    static func badRequest(_ message: String) -> FrontError {
        .openAI(status: 400, kind: "BadRequestError", message)
    }

    /// The same error in the shape of OpenAI-style routes.
    var openAI: FrontError {
        switch self {
        case .refused(let message), .field(let message): .badRequest(message)
        default: self
        }
    }

    /// What stands in a stream of an OpenAI-style route in place of a chunk.
    var openAIFrame: JSONValue {
        let name =
            switch status {
            case 400: "BAD_REQUEST"
            case 503: "SERVICE_UNAVAILABLE"
            default: "INTERNAL_SERVER_ERROR"
            }
        return [
            "error": [
                "object": "error", "message": .string(message), "type": .string(name), "param": nil,
                "code": JSONValue(status),
            ]
        ]
    }
}
