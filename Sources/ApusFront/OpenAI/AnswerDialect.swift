import ApusJSON

/// How a route that generates says things, as far as it is not in the objects themselves.
struct AnswerDialect: Sendable {
    let contentType: String
    /// One chunk of a stream as it goes over the wire.
    let frame: @Sendable (JSONValue) -> [UInt8]
    /// What stands in a stream in place of a chunk when it fails.
    let failure: @Sendable (FrontError) -> JSONValue
    /// The last bytes of a stream.
    let end: [UInt8]?
    /// An error before the answer has begun.
    let refusal: @Sendable (FrontError) -> FrontError
    /// See `JSONBody.checkType`.
    var acceptsForm = false

    static let openAI = AnswerDialect(
        contentType: "text/event-stream; charset=utf-8", frame: EventFrame.data, failure: { $0.openAIFrame },
        end: EventFrame.done, refusal: { $0.openAI })

    /// Events carry their name twice: in the frame and in the object.
    static let anthropic = AnswerDialect(
        contentType: "text/event-stream; charset=utf-8",
        frame: { value in
            Array("event: \(value["type"]?.stringValue ?? "message")\n".utf8) + EventFrame.data(value)
        },
        failure: { $0.anthropic.body }, end: nil, refusal: { $0.anthropic })

    /// OpenAI's newer way: as above, with errors as events of their own.
    static let responses = AnswerDialect(
        contentType: anthropic.contentType, frame: anthropic.frame,
        failure: {
            ["type": "error", "code": .string(String($0.status)), "message": .string($0.message), "param": nil]
        },
        end: nil, refusal: { $0.openAI })

    /// One JSON object a line.
    static let ollama = AnswerDialect(
        contentType: "application/x-ndjson",
        frame: { value in value.serialized + [UInt8(ascii: "\n")] },
        failure: { ["error": .string($0.message)] }, end: nil, refusal: { $0.ollama },
        acceptsForm: true)
}

extension FrontError {
    /// The same error in the shape of Anthropic-style routes.
    var anthropic: FrontError { self == .clientGone ? self : .anthropic(status: status, message) }

    /// The same error in the shape of Ollama-style routes.
    var ollama: FrontError {
        switch self {
        case .refused(let message), .openAI(400, _, let message): .field(message)
        default: self
        }
    }
}
