import ApusJSON
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@testable import apus_bench

/// The runner against a server on a real socket that streams three tokens to whoever asks.
@Suite struct RunnerTests {
    private final class ThreeTokens: ChannelInboundHandler, Sendable {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .end = unwrapInboundIn(data) else { return }
            let head = HTTPResponseHead(
                version: .http1_1, status: .ok, headers: ["content-type": "text/event-stream", "connection": "close"])
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            for count in 1...3 {
                let frame =
                    "data: {\"text\":\"x\",\"meta_info\":{\"completion_tokens\":\(count),\"prompt_tokens\":2}}\n\n"
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: frame)))), promise: nil)
            }
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "data: [DONE]\n\n")))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    @Test func requestsAreSentAndMeasured() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(ThreeTokens())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let runner = Runner(
            client: HTTPClient(endpoint: Endpoint(host: "127.0.0.1", port: port), timeout: 30), backend: .sglang,
            model: "m", streams: true, ignoresEOS: true, extraBody: [:], headers: [])
        let request = BenchRequest(tokens: [1, 2], text: "", outputLength: 3)
        let measured = await runner.run(
            Array(repeating: request, count: 6), rate: .infinity, concurrency: 2, seed: 1, progress: { _ in })
        #expect(measured.count == 6)
        for one in measured {
            #expect(one.failure == nil)
            #expect(one.outputTokens == 3 && one.promptTokens == 2 && one.gaps.count == 2)
        }
        try await server.close()
    }

    @Test func aServerThatIsNotThereIsAFailure() async {
        let runner = Runner(
            client: HTTPClient(endpoint: Endpoint(host: "127.0.0.1", port: 1), timeout: 5), backend: .sglang,
            model: "m", streams: true, ignoresEOS: true, extraBody: [:], headers: [])
        let measured = await runner.measure(BenchRequest(tokens: [1], text: "", outputLength: 1), start: now())
        #expect(measured.failure != nil)
    }
}
