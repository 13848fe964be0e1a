extension FlagTable {
    static let httpFlags: [Flag] = [
        Flag("host", .text, default: .text("127.0.0.1"), section: .http, "Address to listen on."),
        Flag("port", .integer(1...65535), default: .integer(30000), section: .http, "Port to listen on."),
        Flag(
            "fastapi-root-path", .text, default: .text(""), .noEffect("routes are served without a prefix"),
            section: .http, "Path prefix behind a proxy."),
        Flag(
            "skip-server-warmup", .boolean, default: .boolean(false), section: .http,
            "Be up at once, without a first request to itself."),
        Flag("warmups", .text, .noEffect("there are no named warm-ups"), section: .http, "Named extra warm-ups."),
        Flag("api-key", .text, section: .http, isSecret: true, "Key that clients must send (Authorization: Bearer)."),
        Flag(
            "api-key-file", .text, section: .http,
            "File whose first line is the API key; it may change (SIGHUP). Default: the credential apus.api-key."),
        Flag("admin-api-key", .text, section: .http, isSecret: true, "Key for the routes that change the server."),
        Flag(
            "admin-api-key-file", .text, section: .http,
            "File whose first line is the admin key; it may change (SIGHUP). Default: the credential apus.admin-api-key."
        ),
        Flag(
            "served-model-name", .text, section: .http, "Name shown by /v1/models; no colon. Default: the model path."),
        Flag(
            "weight-version", .text, default: .text("default"), section: .http, "Label of the weights in responses."),
        Flag(
            "chat-template", .text, section: .http,
            "Chat template: a file, chatml, or one of the tokenizer's several by name."),
        Flag(
            "hf-chat-template-name", .text, section: .http, "Which of a tokenizer's several templates."),
        Flag("default-chat-template-kwargs", .jsonObject, section: .http, "Variables of the template."),
        Flag(
            "trust-request-chat-template", .boolean, default: .boolean(false),
            .refused("templates of requests are not run"), section: .http, "Run templates that requests bring."),
        Flag(
            "completion-template", .text, .refused("fill-in-the-middle is not served by this version"), section: .http,
            "Template for suffix completion."),
        Flag(
            "preferred-sampling-params", .jsonObject, section: .http,
            "JSON object of sampling parameters that requests start from."),
        Flag(
            "sampling-defaults", .choice(["model", "openai"]), default: .text("model"), section: .http,
            "Where default sampling parameters come from: generation_config.json or OpenAI's constants."),
        Flag(
            "allow-auto-truncate", .boolean, default: .boolean(false), section: .http,
            "Cut prompts that are too long instead of refusing them."),
        Flag(
            "stream-interval", .integer(1...Int.max), default: .integer(1), section: .http, unit: "tokens",
            "Tokens between two updates of a stream."),
        Flag(
            "incremental-streaming-output", aliases: ["stream-output"], .boolean, default: .boolean(false),
            section: .http, "Streams of /generate carry only what is new."),
        Flag(
            "stream-response-default-include-usage", .boolean, default: .boolean(false),
            section: .http, "Usage in every OpenAI stream."),
        Flag(
            "enable-cache-report", .boolean, default: .boolean(false), section: .http,
            "Cached tokens in OpenAI usage."),
        Flag(
            "reasoning-parser",
            .choice([
                "deepseek-r1", "deepseek-v3", "glm45", "nemotron_3", "qwen3", "qwen3-thinking", "step3",
            ]), section: .http, "Format of the model's reasoning."),
        Flag(
            "tool-call-parser", .choice(["hermes", "llama3", "mistral", "qwen", "qwen25"]), section: .http,
            "Format of the model's tool calls."),
        Flag(
            "enable-strict-thinking", .boolean, default: .boolean(false),
            .refused("strict thinking is not served by this version"), section: .http, "Strict reasoning format."),
        Flag(
            "strip-thinking-cache", .boolean, default: .boolean(false),
            .refused("strict thinking is not served by this version"), section: .http, "Drop reasoning from the cache."),
        Flag(
            "ssl-certfile", .text, section: .http,
            "Certificate chain in PEM, the server's own first: HTTPS instead of HTTP. Read again at SIGHUP."),
        Flag("ssl-keyfile", .text, section: .http, "Private key of the certificate, in PEM."),
        Flag("ssl-keyfile-password", .text, section: .http, isSecret: true, "Password of an encrypted private key."),
        Flag(
            "ssl-ca-certs", .text, section: .http,
            "Certificates in PEM that must have signed the certificate of a client that shows one."),
        Flag(
            "enable-ssl-refresh", .boolean, default: .boolean(false), section: .http,
            "Notice by itself when the files of --ssl-certfile and its kin change."),
        Flag(
            "tokenizer-worker-num", .integer(1...Int.max), default: .integer(1),
            .only(["1"], "tokenising already runs on several threads of one front"), section: .http,
            "Processes that tokenise."),
        Flag(
            "detokenizer-worker-num", .integer(1...Int.max), default: .integer(1),
            .only(["1"], "there is one detokenizer process"), section: .http, "Processes that detokenise."),
        Flag(
            "batch-notify-size", .integer(1...Int.max), default: .integer(16),
            .noEffect("each waiting request is woken by itself"), section: .http, "Accepted for compatibility."),
        Flag(
            "enable-tokenizer-batch-encode", .boolean, default: .boolean(false),
            .noEffect("texts are tokenised in parallel"), section: .http, "Accepted for compatibility."),
        Flag(
            "disable-tokenizer-batch-decode", .boolean, default: .boolean(false),
            .noEffect("streams are decoded one by one"), section: .http, "Accepted for compatibility."),
        Flag(
            "enable-dynamic-batch-tokenizer", .boolean, default: .boolean(false),
            .noEffect("texts are tokenised in parallel"), section: .http, "Accepted for compatibility."),
        Flag(
            "dynamic-batch-tokenizer-batch-size", .integer(1...Int.max), default: .integer(32),
            .noEffect("texts are tokenised in parallel"), section: .http, "Accepted for compatibility."),
        Flag(
            "dynamic-batch-tokenizer-batch-timeout", .number(0...Double.greatestFiniteMagnitude),
            default: .number(0.002), .noEffect("texts are tokenised in parallel"), section: .http, unit: "seconds",
            "Accepted for compatibility."),
        Flag(
            "enable-streaming-session", .boolean, default: .boolean(false),
            .refused("streaming sessions are not served by this version"), section: .http, "Streaming sessions."),
        Flag(
            "enable-session-radix-cache", .boolean, default: .boolean(false),
            .refused("sessions share the prefix cache with all requests"), section: .http,
            "Sessions in the prefix cache."),
        Flag(
            "grpc-mode", .boolean, default: .boolean(false), .refused("Apus speaks HTTP only"), section: .http,
            "gRPC instead of HTTP."),
        Flag("grpc-port", .integer(1...65535), .refused("Apus speaks HTTP only"), section: .http, "Port for gRPC."),
        Flag("sidecar", .text, .refused("Apus has no sidecars"), section: .http, "Sidecar process."),
        Flag("tool-server", .text, .refused("Apus runs no tools"), section: .http, "Server of built-in tools."),
        Flag(
            "use-ray", .boolean, default: .boolean(false), .refused("Apus starts its own processes"), section: .http,
            "Start through Ray."),
        Flag(
            "enable-response-store", .boolean, default: .boolean(false), .refused("responses are not stored"),
            section: .http, "Keep responses."),
    ]
}
