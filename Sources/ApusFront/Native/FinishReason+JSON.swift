import ApusCore
import ApusJSON

extension FinishReason {
    /// As clients see it. `neverRan`: the request ended in the queue, and its object has only the keys with a value.
    func json(neverRan: Bool) -> JSONValue {
        switch self {
        case .stopToken(let id), .grammarEnd(let id): ["type": "stop", "matched": JSONValue(id)]
        case .stopString(let text), .stopRegex(let text): ["type": "stop", "matched": .string(text)]
        case .notANumber: ["type": "stop", "matched": "NaN happened"]
        case .length(let limit): ["type": "length", "length": JSONValue(limit)]
        case .abort(let message, let status, let kind):
            Self.abort(message, status, kind, dropsNull: neverRan)
        }
    }

    /// The error that an ending with a status of 400 or more is for a client who waits for an answer.
    var failure: FrontError? {
        guard case .abort(let message, let status?, _) = self, status >= 400 else { return nil }
        return status == 400 ? .refused(message) : .unavailable(status: status, message)
    }

    private static func abort(_ message: String, _ status: Int?, _ kind: String?, dropsNull: Bool) -> JSONValue {
        var object: JSONObject = ["type": "abort", "message": .string(message)]
        if !dropsNull || status != nil { object["status_code"] = status.map { JSONValue($0) } ?? .null }
        if !dropsNull || kind != nil { object["err_type"] = JSONValue(kind) }
        return .object(object)
    }
}
