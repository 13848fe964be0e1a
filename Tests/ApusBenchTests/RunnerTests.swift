import ApusJSON
import NIOConcurrencyHelpers
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

        /// Bodies in the order in which they came.
        let bodies: NIOLockedValueBox<[String]>

        init(_ bodies: NIOLockedValueBox<[String]>) { self.bodies = bodies }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if case .body(let body) = unwrapInboundIn(data) {
                bodies.withLockedValue { $0.append(String(buffer: body)) }
            }
            guard case .end = unwrapInboundIn(data) else { return }
            let head = HTTPResponseHead(
                version: .http1_1, status: .ok, headers: ["content-type": "text/event-stream", "connection": "close"])
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            for count in 1...3 {
                let finish = count == 3 ? "{\"type\":\"length\"}" : "null"
                let frame =
                    "data: {\"text\":\"x\",\"output_ids\":\(Array(repeating: 9, count: count)),\"meta_info\":"
                    + "{\"completion_tokens\":\(count),\"prompt_tokens\":2,\"finish_reason\":\(finish)}}\n\n"
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: frame)))), promise: nil)
            }
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "data: [DONE]\n\n")))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    /// Runs a workload against such a server.
    private func run(
        _ requests: [BenchRequest], concurrency: Int?
    ) async throws -> (measured: [Measurement], bodies: [String]) {
        let bodies = NIOLockedValueBox<[String]>([])
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(ThreeTokens(bodies))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let runner = Runner(
            client: HTTPClient(endpoint: Endpoint(host: "127.0.0.1", port: port), timeout: 30), backend: .sglang,
            model: "m", streams: true, ignoresEOS: true, extraBody: [:], headers: [])
        let measured = await runner.run(
            requests, rate: .infinity, concurrency: concurrency, seed: 1, progress: { _ in })
        try await server.close()
        return (measured, bodies.withLockedValue { $0 })
    }

    @Test func requestsAreSentAndMeasured() async throws {
        let request = BenchRequest(tokens: [1, 2], text: "", outputLength: 3)
        let (measured, _) = try await run(Array(repeating: request, count: 6), concurrency: 2)
        #expect(measured.count == 6)
        for one in measured {
            #expect(one.failure == nil)
            #expect(one.outputTokens == 3 && one.promptTokens == 2 && one.gaps.count == 2)
        }
    }

    /// Two conversations of three turns, all due at once.
    @Test(arguments: [1, 2, nil]) func aTurnGoesOnFromWhatWasAnswered(concurrency: Int?) async throws {
        let requests = (0..<6).map { index in
            var request = BenchRequest(tokens: [index], text: "", outputLength: 3)
            request.question = [index]
            request.previous = index < 2 ? nil : index - 2
            return request
        }
        let (measured, bodies) = try await run(requests, concurrency: concurrency)
        #expect(measured.count == 6 && measured.allSatisfy { $0.failure == nil })
        let prompts = try bodies.map {
            try #require(try JSONValue(parsing: $0)["input_ids"]?.arrayValue?.map(\.intValue))
        }
        for conversation in 0..<2 {
            let turns = prompts.filter { $0.first == conversation }
            let (first, second, third) = (conversation, conversation + 2, conversation + 4)
            #expect(turns == [[first], [first, 9, 9, 9, second], [first, 9, 9, 9, second, 9, 9, 9, third]])
        }
    }

    @Test func aChatGoesOnFromWhatWasSaid() async throws {
        let conversations = Conversations()
        var request = BenchRequest(tokens: [1], text: "a", outputLength: 1)
        for (index, question) in ["b", "c"].enumerated() {
            var measured = Measurement(start: 0)
            measured.outputText = "answer \(index)"
            conversations.end(index, request, measured)
            request = BenchRequest(tokens: [1, 2, 3], text: "a x \(question)", outputLength: 1, previous: index)
            request.questionText = question
            (request, _) = await conversations.next(request)
        }
        let body = Backend.sglangOAIChat.body(of: request, model: "m", stream: true, ignoreEOS: true)
        let messages = try #require(body["messages"]?.arrayValue)
        #expect(messages.map { $0["content"] } == ["a", "answer 0", "b", "answer 1", "c"])
        #expect(messages.map { $0["role"] } == ["user", "assistant", "user", "assistant", "user"])
        // Where the answer is not known, all is one message.
        let alone = BenchRequest(tokens: [1], text: "a x b", outputLength: 1)
        let whole = Backend.sglangOAIChat.body(of: alone, model: "m", stream: true, ignoreEOS: true)
        #expect(whole["messages"] == [["role": "user", "content": "a x b"]])
        let piece: JSONValue = ["choices": [["delta": ["content": "w"]]]]
        #expect(Backend.sglangOAIChat.progress(in: piece).text == "w")
        #expect(Backend.sglangOAI.progress(in: piece).text == nil)
    }

    @Test func aServerThatIsNotThereIsAFailure() async {
        let runner = Runner(
            client: HTTPClient(endpoint: Endpoint(host: "127.0.0.1", port: 1), timeout: 5), backend: .sglang,
            model: "m", streams: true, ignoresEOS: true, extraBody: [:], headers: [])
        let measured = await runner.measure(BenchRequest(tokens: [1], text: "", outputLength: 1), start: now())
        #expect(measured.failure != nil)
    }
}
