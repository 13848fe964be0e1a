import ApusCore
import ApusJSON
import Hummingbird
import NIOCore

/// The flow of every OpenAI-style route that generates: the same run as `/generate`, in other words.
struct OpenAIRoute: Sendable {
    let service: FrontService
    /// Checks a body and converts it; runs on a worker.
    let read: @Sendable (JSONObject) throws(FrontError) -> any OpenAIRequest

    @Sendable
    func respond(_ request: FrontRequest) async throws(FrontError) -> Response {
        let receivedAt = Clocks.unix()
        try JSONBody.checkType(request.http)
        let scope = service.scope(of: request)
        let received = try await service.bodies.read(request.http, request.channel)
        let size = received.bytes.readableBytes
        let read = read
        do throws(FrontError) {
            let asked = try await service.work.run(size: size) { () throws(FrontError) in
                try scope.checkClient()
                return try read(JSONBody.parse(received.bytes))
            }
            let run = try await service.prepare(asked.native, size: size, scope: scope, receivedAt: receivedAt)
            service.configuration.requestLog?.received(run.body, rids: run.plan.samples.map(\.rid))
            return asked.isStream ? stream(asked, run) : try await buffered(asked, run)
        } catch {
            scope.end()
            throw error.openAI
        }
    }

    private func buffered(_ asked: any OpenAIRequest, _ run: GenerateRun) async throws(FrontError) -> Response {
        defer { run.scope.end() }
        var answer = asked.answer(to: run, created: Int(run.receivedAt))
        try await service.dispatch(run)
        while let (index, update) = try await run.mailbox.next() {
            if let failure = update.finish?.failure { throw failure }
            _ = answer.absorb(update, sample: index)
        }
        _ = answer.closing()
        return .json(answer.whole)
    }

    private func stream(_ asked: any OpenAIRequest, _ run: GenerateRun) -> Response {
        .events { writer in
            defer { run.scope.end() }
            var answer = asked.answer(to: run, created: Int(run.receivedAt))
            do {
                try await service.dispatch(run)
                var isOpen = false
                while let (index, update) = try await run.mailbox.next() {
                    if let failure = update.finish?.failure { throw failure }
                    var chunks = isOpen ? [] : answer.opening()
                    isOpen = true
                    chunks += answer.absorb(update, sample: index)
                    try await write(chunks, &writer)
                }
                try await write(answer.closing(), &writer)
            } catch let error as FrontError {
                guard error != .clientGone else { throw error }
                try await writer.write(EventFrame.data(error.openAIFrame))
            }
            try await writer.write(EventFrame.done)
        }
    }

    private func write(_ chunks: [JSONValue], _ writer: inout any ResponseBodyWriter) async throws {
        guard !chunks.isEmpty else { return }
        var frames = ByteBuffer()
        for chunk in chunks { frames.writeImmutableBuffer(EventFrame.data(chunk)) }
        try await writer.write(frames)
    }
}
