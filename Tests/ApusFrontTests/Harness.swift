import ApusJSON
import ApusWire
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import Testing

@testable import ApusFront

/// How a test's requests reach the front.
enum FrontSetup: Sendable {
    /// Without sockets.
    case router
    /// Over TCP, on one connection.
    case live
}

/// A front over a fake ring, started and stopped around a test.
func withFront(
    _ setup: FrontSetup = .router, script: @escaping FakeRing.Script = FakeRing.echo, isReady: Bool = true,
    isUp: Bool = true, client: TestClient.Configuration = TestClient.Configuration(timeout: .seconds(20)),
    configure: (inout FrontConfiguration) -> Void = { _ in },
    _ test: @Sendable (TestServer) async throws -> Void
) async throws {
    let (front, ring) = try await startedFront(script: script, isReady: isReady, configure: configure)
    if isUp { front.service.setUp() }
    do {
        switch setup {
        case .router:
            try await Application(responder: front.responder).test(.router) { router in
                try await test(TestServer(front: front, ring: ring, port: nil) { try await $0.execute(by: router) })
            }
        case .live:
            try await front.whileListening { port in
                let client = TestClient(host: "127.0.0.1", port: port, configuration: client)
                client.connect()
                do {
                    let server = TestServer(front: front, ring: ring, port: port) { try await $0.execute(by: client) }
                    try await test(server)
                } catch {
                    try await client.shutdown()
                    throw error
                }
                try await client.shutdown()
            }
        }
    } catch {
        await front.stop()
        ring.stop()
        throw error
    }
    // Whatever happened, nothing is left behind.
    #expect(await ring.waits { _ in front.service.board.clientCount == 0 })
    await front.stop()
    ring.stop()
}

/// A front that does not listen, over a fake ring; both are to be stopped.
func startedFront(
    script: @escaping FakeRing.Script = FakeRing.echo, isReady: Bool = true,
    configure: (inout FrontConfiguration) -> Void = { _ in }
) async throws -> (Front, FakeRing) {
    var configuration = FrontConfiguration(modelPath: "models/tiny", servedModelName: "tiny")
    configuration.place = .address(host: "127.0.0.1", port: 0)
    configuration.modelType = "qwen2"
    configuration.architectures = ["Qwen2ForCausalLM"]
    configure(&configuration)
    let ring = try FakeRing(script: script)
    var logger = Logger(label: "front")
    logger.logLevel = .critical
    let front = Front(
        configuration: configuration, codec: ByteCodec(), logger: logger, wake: try WakeSignal(),
        connect: { ring.connect($0) })
    front.start()
    ring.start(isReady: isReady)
    if isReady {
        #expect(
            await ring.waits { _ in front.service.monitor.ring.ready != nil && front.service.monitor.ring.canDetokenize
            })
    }
    return (front, ring)
}

extension Front {
    /// Runs the listener around `body`, which gets the port.
    func whileListening(_ body: (_ port: Int) async throws -> Void) async throws {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let listener = listener { addresses in port.yield(addresses[0].port ?? 0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { port.finish() }
                try await listener.run()
            }
            defer {
                listener.close()
                listener.quiesce()
            }
            var iterator = ports.makeAsyncIterator()
            if let port = await iterator.next() { try await body(port) }
            listener.close()
            listener.quiesce()
            try await group.waitForAll()
        }
    }
}

/// A request of a test.
struct TestRequest: Sendable {
    let method: HTTPRequest.Method
    let path: String
    var headers: HTTPFields
    let body: ByteBuffer?

    fileprivate func execute(by router: any TestClientProtocol) async throws -> TestServer.Answer {
        let response = try await router.executeRequest(uri: path, method: method, headers: headers, body: body)
        return TestServer.Answer(
            status: response.status.code, headers: response.headers, text: String(buffer: response.body))
    }

    fileprivate func execute(by client: TestClient) async throws -> TestServer.Answer {
        var headers = headers
        headers[.connection] = "keep-alive"
        let response = try await client.execute(
            TestClient.Request(path, method: method, authority: "localhost", headers: headers, body: body))
        return TestServer.Answer(
            status: response.status.code, headers: response.headers,
            text: String(buffer: response.body ?? ByteBuffer()))
    }
}

struct TestServer: Sendable {
    let front: Front
    let ring: FakeRing
    /// nil without sockets.
    let port: Int?
    private let execute: @Sendable (TestRequest) async throws -> Answer

    init(
        front: Front, ring: FakeRing, port: Int?, execute: @escaping @Sendable (TestRequest) async throws -> Answer
    ) {
        self.front = front
        self.ring = ring
        self.port = port
        self.execute = execute
    }

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let text: String

        var json: JSONValue? { try? JSONValue(parsing: text) }

        /// The payloads of server-sent events.
        var frames: [String] {
            text.components(separatedBy: "\n\n").filter { !$0.isEmpty }.map { frame in
                #expect(frame.hasPrefix("data: "))
                return String(frame.dropFirst(6))
            }
        }

        /// The frames that are JSON.
        var events: [JSONValue] { frames.compactMap { try? JSONValue(parsing: $0) } }
    }

    func send(
        _ method: HTTPRequest.Method, _ path: String, headers: HTTPFields = [:], raw: String? = nil
    ) async throws -> Answer {
        try await execute(
            TestRequest(method: method, path: path, headers: headers, body: raw.map { ByteBuffer(string: $0) }))
    }

    func get(_ path: String, headers: HTTPFields = [:]) async throws -> Answer {
        try await send(.get, path, headers: headers)
    }

    func post(_ path: String, _ body: JSONValue, headers: HTTPFields = [:]) async throws -> Answer {
        var headers = headers
        headers[.contentType] = "application/json"
        return try await send(.post, path, headers: headers, raw: body.description)
    }

    func generate(_ body: JSONValue) async throws -> Answer { try await post("/generate", body) }
}

extension String {
    func components(separatedBy separator: String) -> [String] {
        split(separator: separator, omittingEmptySubsequences: false).map(String.init)
    }
}
