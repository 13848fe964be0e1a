import ApusJSON
import ApusWire
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import Testing

@testable import ApusFront

/// A front over a fake ring, started and stopped around a test.
func withFront(
    _ setup: TestingSetup = .router, script: @escaping FakeRing.Script = FakeRing.echo, isReady: Bool = true,
    isUp: Bool = true, configure: (inout FrontConfiguration) -> Void = { _ in },
    _ test: @Sendable (TestServer) async throws -> Void
) async throws {
    var configuration = FrontConfiguration(modelPath: "models/tiny", servedModelName: "tiny")
    configuration.port = 0
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
    if isUp { front.service.setUp() }
    do {
        try await front.application.test(setup) { client in
            try await test(TestServer(client: client, front: front, ring: ring))
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

struct TestServer: Sendable {
    let client: any TestClientProtocol
    let front: Front
    let ring: FakeRing

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
        let response = try await client.executeRequest(
            uri: path, method: method, headers: headers, body: raw.map { ByteBuffer(string: $0) })
        return Answer(
            status: response.status.code, headers: response.headers, text: String(buffer: response.body))
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
