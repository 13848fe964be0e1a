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
    /// - Parameter lane: of the connection, on whose loop `write` runs if it is short at each turn; nil: on a shared thread.
    static func events(
        on lane: ChunkLane? = nil, type: String = "text/event-stream; charset=utf-8",
        _ write: @escaping @Sendable (inout EventWriter) async throws -> Void
    ) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: type, .cacheControl: "no-cache"],
            body: ResponseBody { writer in
                try await withTaskExecutorPreference(lane?.executor) {
                    var events = EventWriter(writer, lane: lane)
                    try await write(&events)
                    try await writer.finish(nil)
                }
            })
    }
}

/// Where the frames of one stream go.
struct EventWriter {
    private var body: any ResponseBodyWriter
    private let lane: ChunkLane?

    init(_ body: any ResponseBodyWriter, lane: ChunkLane?) {
        self.body = body
        self.lane = lane
    }

    /// Waits while the client is slow; throws when it is gone.
    mutating func write(_ frames: [UInt8]) async throws {
        if let lane, lane.write(frames) { return }
        try await body.write(ByteBuffer(bytes: frames))
    }
}

/// One server-sent event.
enum EventFrame {
    static let done = Array("data: [DONE]\n\n".utf8)

    @Sendable static func data(_ value: JSONValue) -> [UInt8] {
        var frame: [UInt8] = []
        append(to: &frame) { JSONWriter.append(value, to: &$0) }
        return frame
    }

    /// `write` appends a JSON document, which holds no line break.
    static func append(to frames: inout [UInt8], _ write: (inout [UInt8]) -> Void) {
        frames += "data: ".utf8
        write(&frames)
        frames += "\n\n".utf8
    }
}
