import ApusJSON
import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok) -> Response {
        json(bytes: value.serialized, status: status)
    }

    /// `bytes` are a JSON document.
    static func json(bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    static func text(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    static func empty(_ status: HTTPResponse.Status = .ok) -> Response {
        Response(status: status)
    }

    /// Server-sent events, or what `type` names: `write` sends each frame itself.
    ///
    /// - Parameter loop: of the connection, where `write` runs if it is short at each turn; nil: on a shared thread.
    static func events(
        on loop: (any EventLoop)? = nil, type: String = "text/event-stream; charset=utf-8",
        _ write: @escaping @Sendable (inout any ResponseBodyWriter) async throws -> Void
    ) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: type, .cacheControl: "no-cache"],
            body: ResponseBody { writer in
                try await withTaskExecutorPreference(loop.map(EventLoopExecutor.init)) {
                    try await write(&writer)
                    try await writer.finish(nil)
                }
            })
    }
}

/// One server-sent event.
enum EventFrame {
    static let done = ByteBuffer(string: "data: [DONE]\n\n")

    @Sendable static func data(_ value: JSONValue) -> ByteBuffer { data(bytes: value.serialized) }

    /// `bytes` are a JSON document, which holds no line break.
    static func data(bytes: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(bytes.count + 8)
        buffer.writeStaticString("data: ")
        buffer.writeBytes(bytes)
        buffer.writeStaticString("\n\n")
        return buffer
    }
}
