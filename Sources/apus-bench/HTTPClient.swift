import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// What a server answered, piece by piece.
enum ResponsePart: Sendable {
    case status(Int)
    case body(ByteBuffer)
}

struct HTTPFailure: Error, CustomStringConvertible {
    let description: String
}

/// A plain HTTP/1.1 client: one connection a request, so that a request's time holds all that its client waits for.
struct HTTPClient: Sendable {
    let endpoint: Endpoint
    /// Seconds after which a request that has not ended counts as failed.
    let timeout: Double

    /// Sends a request and hands each part of the answer to `receive`, in order, as it comes.
    func send(
        _ method: HTTPMethod, _ path: String, body: [UInt8], headers: [(String, String)] = [],
        receive: @escaping @Sendable (ResponsePart) throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await exchange(method, path, body: body, headers: headers, receive: receive) }
            group.addTask {
                try await Task.sleep(for: .seconds(timeout))
                throw HTTPFailure(description: "no end within \(timeout) s")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func exchange(
        _ method: HTTPMethod, _ path: String, body: [UInt8], headers extra: [(String, String)],
        receive: @Sendable (ResponsePart) throws -> Void
    ) async throws {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .connect(host: endpoint.host, port: endpoint.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel)
                }
            }
        try await channel.executeThenClose { inbound, outbound in
            var head = HTTPRequestHead(version: .http1_1, method: method, uri: endpoint.prefix + path)
            head.headers.add(name: "host", value: "\(endpoint.host):\(endpoint.port)")
            head.headers.add(name: "connection", value: "close")
            if !body.isEmpty {
                head.headers.add(name: "content-type", value: "application/json")
                head.headers.add(name: "content-length", value: String(body.count))
            }
            for (name, value) in extra { head.headers.add(name: name, value: value) }
            try await outbound.write(.head(head))
            if !body.isEmpty { try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: body)))) }
            try await outbound.write(.end(nil))
            for try await part in inbound {
                switch part {
                case .head(let head): try receive(.status(Int(head.status.code)))
                case .body(let bytes): try receive(.body(bytes))
                case .end: return
                }
            }
            throw HTTPFailure(description: "the server closed the connection before the end of its answer")
        }
    }

    /// Sends a request and gives its whole answer.
    func whole(
        _ method: HTTPMethod, _ path: String, body: [UInt8] = [], headers: [(String, String)] = []
    ) async throws -> (status: Int, body: [UInt8]) {
        let answer = NIOLockedValueBox<(status: Int, body: [UInt8])>((0, []))
        try await send(method, path, body: body, headers: headers) { part in
            answer.withLockedValue { answer in
                switch part {
                case .status(let status): answer.status = status
                case .body(let bytes): answer.body += Array(buffer: bytes)
                }
            }
        }
        return answer.withLockedValue { $0 }
    }
}

/// Where the server is: `http://host:port/prefix`.
struct Endpoint: Sendable {
    var host: String
    var port: Int
    /// Goes before every path; empty or `/…` without a slash at its end.
    var prefix = ""

    init(host: String, port: Int) {
        (self.host, self.port) = (host, port)
    }

    init(url: String) throws {
        guard url.hasPrefix("http://") else {
            throw HTTPFailure(description: "\(url): only http:// URLs can be measured")
        }
        let rest = url.dropFirst("http://".count)
        let authority = rest.prefix { $0 != "/" }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        guard !authority.isEmpty, parts.count <= 2, let port = parts.count == 2 ? Int(parts[1]) : 80 else {
            throw HTTPFailure(description: "\(url): not a URL of a server")
        }
        host = String(parts[0])
        self.port = port
        prefix = String(rest.dropFirst(authority.count))
        while prefix.hasSuffix("/") { prefix.removeLast() }
    }
}
