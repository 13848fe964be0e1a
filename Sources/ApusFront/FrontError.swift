import ApusJSON
import HTTPTypes
import Hummingbird

/// Why a request has no ordinary answer. The one place that knows status codes and the shapes of error bodies.
enum FrontError: Error, Hashable {
    /// A native handler refuses the request.
    case refused(String)
    /// The body does not match the schema, is malformed or has the wrong content type.
    case schema(String)
    /// Serving is impossible now, or the scheduler ended the request with this status.
    case unavailable(status: Int, String)
    /// The strict check of `/generate`'s fields failed.
    case field(String)
    case unauthorized
    /// A control operation failed; `extra` are further members of the body.
    case control(String, extra: JSONObject = JSONObject())
    /// An OpenAI-style handler refuses the request; `kind` is the body's `type`.
    case openAI(status: Int, kind: String, String)
    /// An Anthropic-style handler refuses the request.
    case anthropic(status: Int, String)
    case modelNotFound(String)
    case notFound
    case methodNotAllowed(allow: String)
    case bodyTooLarge(limit: Int)
    case bodyTooSlow
    /// Nobody is left to answer.
    case clientGone

    /// The server cannot serve now; a client may try again.
    static func unavailable(_ message: String) -> FrontError { .unavailable(status: 503, message) }

    /// A parameter that a later version will honour, and that is not ignored until then.
    static func notYet(_ name: String) -> FrontError { .refused("\(name) is not supported by this version yet.") }
}

extension FrontError {
    var status: Int {
        switch self {
        case .refused, .schema, .field, .control: 400
        case .unavailable(let status, _), .openAI(let status, _, _), .anthropic(let status, _): status
        case .unauthorized: 401
        case .modelNotFound, .notFound: 404
        case .methodNotAllowed: 405
        case .bodyTooSlow: 408
        case .bodyTooLarge: 413
        case .clientGone: 499
        }
    }

    var message: String {
        switch self {
        case .refused(let message), .schema(let message), .field(let message), .unavailable(_, let message),
            .control(let message, _), .openAI(_, _, let message), .anthropic(_, let message):
            message
        case .unauthorized: "Unauthorized"
        case .modelNotFound(let id): "The model '\(id)' does not exist"
        case .notFound: "Not Found"
        case .methodNotAllowed: "Method Not Allowed"
        case .bodyTooLarge(let limit): "The request body is larger than \(limit) bytes."
        case .bodyTooSlow: "The request body did not arrive in time."
        case .clientGone: "The client closed the connection."
        }
    }

    /// The body of the answer.
    var body: JSONValue {
        switch self {
        case .refused(let message): ["error": ["message": .string(message)]]
        case .schema(let message): Self.flat(message, type: "Bad Request", code: 400)
        case .unavailable(let status, let message): Self.flat(message, type: String(status), code: status)
        case .field(let message): ["error": .string(message)]
        case .unauthorized: ["error": "Unauthorized"]
        case .control(let message, let extra):
            .object(JSONObject([("success", false), ("message", .string(message))] + extra.map { ($0.key, $0.value) }))
        case .openAI(let status, let kind, let message): Self.flat(message, type: kind, code: status)
        case .anthropic(let status, let message):
            ["type": "error", "error": ["type": .string(Self.anthropicKind(status)), "message": .string(message)]]
        case .modelNotFound:
            [
                "error": [
                    "message": .string(message), "type": "invalid_request_error", "param": "model",
                    "code": "model_not_found",
                ]
            ]
        case .notFound, .methodNotAllowed: ["detail": .string(message)]
        case .bodyTooLarge: Self.flat(message, type: "Request Entity Too Large", code: status)
        case .bodyTooSlow: Self.flat(message, type: "Request Timeout", code: status)
        case .clientGone: Self.flat(message, type: "Client Closed Request", code: status)
        }
    }

    /// What stands in a stream of `/generate` in place of an answer.
    var frame: JSONValue {
        let isClientsFault = status < 500
        return [
            "error": [
                "message": .string(message),
                "type": isClientsFault ? "invalid_request_error" : "service_unavailable",
                "code": JSONValue(status), "retryable": JSONValue(!isClientsFault),
            ]
        ]
    }

    var response: Response {
        var response = Response.json(body, status: Self.named(status))
        switch self {
        case .methodNotAllowed(let allow): response.headers[.allow] = allow
        // What is left of the body is not read: the connection can carry no further request.
        case .bodyTooLarge, .bodyTooSlow: response.headers[.connection] = "close"
        default: break
        }
        if status == 503 { response.headers[.retryAfter] = "1" }
        return response
    }

    /// The status with its phrase.
    private static func named(_ code: Int) -> HTTPResponse.Status {
        let known: [HTTPResponse.Status] = [
            .badRequest, .unauthorized, .notFound, .methodNotAllowed, .requestTimeout, .contentTooLarge,
            .internalServerError, .notImplemented, .serviceUnavailable,
        ]
        return known.first { $0.code == code } ?? HTTPResponse.Status(code: code)
    }

    /// The name that Anthropic's API gives to errors of this status.
    private static func anthropicKind(_ status: Int) -> String {
        switch status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 400..<500: "invalid_request_error"
        case 503: "overloaded_error"
        default: "api_error"
        }
    }

    private static func flat(_ message: String, type: String, code: Int) -> JSONValue {
        [
            "object": "error", "message": .string(message), "type": .string(type), "param": nil,
            "code": JSONValue(code),
        ]
    }
}
