import ApusCore
import ApusJSON
import ApusObserve
import ApusWire
import HTTPTypes
import Hummingbird
import NIOCore

/// One line of the access log.
package struct AccessEntry: Sendable {
    package let path: String
    private let client: String
    private let method: String
    private let target: String
    private let status: HTTPResponse.Status
    private let requestID: String
    private let seconds: Double

    init(_ request: Request, _ status: HTTPResponse.Status, from address: SocketAddress?, _ call: HTTPCall) {
        path = request.uri.path
        client = address.map { "\($0.ipAddress ?? "-"):\($0.port ?? 0)" } ?? "-"
        method = request.method.rawValue
        target = Self.escaped(request.uri.string)
        self.status = status
        requestID = call.origin.requestID
        seconds = Clocks.unix() - call.receivedAt
    }

    /// As uvicorn writes it, which log tools around SGLang parse.
    package var text: String {
        let phrase = status.reasonPhrase.isEmpty ? "" : " \(status.reasonPhrase)"
        return "INFO:     \(client) - \"\(method) \(target) HTTP/1.1\" \(status.code)\(phrase)"
    }

    /// The same facts and some more; `seconds` to the head of the answer.
    package var json: String {
        let object: JSONObject = [
            "time": .string(LogLine.utcTime(Clocks.unix())), "level": "info", "role": "front", "message": "access",
            "client": .string(client), "method": .string(method), "target": .string(target),
            "status": JSONValue(status.code), "request_id": .string(requestID),
            "seconds": .double((seconds * 1e6).rounded() / 1e6),
        ]
        return object.description
    }

    /// A target holds no control characters by grammar; a line of ours must not rely on it.
    private static func escaped(_ target: String) -> String {
        guard target.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else { return target }
        return String(
            String.UnicodeScalarView(target.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
    }
}
