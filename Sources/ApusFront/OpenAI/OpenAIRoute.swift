import ApusCore
import ApusJSON
import HTTPTypes
import Hummingbird
import NIOCore

/// The flow of every route that generates in other words than `/generate`: OpenAI's, Anthropic's, Ollama's.
struct OpenAIRoute: Sendable {
    let service: FrontService
    var dialect = AnswerDialect.openAI
    /// Checks a body and converts it; runs on a worker.
    let read: @Sendable (JSONObject) throws(FrontError) -> any OpenAIRequest

    @Sendable
    func respond(_ request: FrontRequest) async throws(FrontError) -> Response {
        let receivedAt = Clocks.unix()
        let scope = service.scope(of: request)
        let read = read
        do throws(FrontError) {
            try JSONBody.checkType(request.http, acceptsForm: dialect.acceptsForm)
            try Self.checkRank(request.http)
            let received = try await service.bodies.read(request.http, request.channel)
            let size = received.bytes.readableBytes
            let asked = try await service.work.run(size: size) { () throws(FrontError) in
                try scope.checkClient()
                return try read(JSONBody.parse(received.bytes))
            }
            let run = try await service.prepare(
                asked.native, size: size, scope: scope, receivedAt: receivedAt, grammarFollows: asked.grammarFollows)
            service.configuration.requestLog.received(run)
            return asked.isStream ? stream(asked, run, request.channel) : try await buffered(asked, run)
        } catch {
            scope.end()
            throw dialect.refusal(error)
        }
    }

    private static let rankField = HTTPField.Name("X-Data-Parallel-Rank")!

    /// There is one replica, whichever a client asks for.
    private static func checkRank(_ request: Request) throws(FrontError) {
        guard let rank = request.headers[rankField], Int(rank) == nil else { return }
        throw .openAI(
            status: 400, kind: "400", "Invalid X-Data-Parallel-Rank header: must be an integer, got '\(rank)'")
    }

    private func buffered(_ asked: any OpenAIRequest, _ run: GenerateRun) async throws(FrontError) -> Response {
        defer { run.scope.end() }
        var answer = asked.answer(to: run, created: Int(run.receivedAt))
        do throws(FrontError) {
            try await service.dispatch(run)
            while let (index, update) = try await run.next() {
                if let failure = update.finish?.failure { throw failure }
                _ = answer.absorb(update, sample: index)
            }
        } catch {
            service.configuration.requestLog.failed(run, error)
            throw error
        }
        _ = answer.closing()
        let whole = answer.whole
        service.configuration.requestLog.finished(run, answers: [whole.objectValue ?? JSONObject()])
        return .json(whole)
    }

    private func stream(
        _ asked: any OpenAIRequest, _ run: GenerateRun, _ channel: any Channel
    ) -> Response {
        let lane = run.hasShortTurns && !asked.looksForCalls ? service.connections.lane(of: channel) : nil
        return .events(on: lane, type: dialect.contentType) { writer in
            defer { run.scope.end() }
            var answer = asked.answer(to: run, created: Int(run.receivedAt))
            do {
                try await service.dispatch(run)
                var isOpen = false
                while let (index, update) = try await run.next() {
                    if let failure = update.finish?.failure { throw failure }
                    var chunks = isOpen ? [] : answer.opening()
                    isOpen = true
                    chunks += answer.absorb(update, sample: index)
                    try await write(chunks, &writer)
                    if run.mailbox.hasNews { await Task.yield() }
                }
                try await write(answer.closing(), &writer)
                service.configuration.requestLog.finished(run, answers: [answer.whole.objectValue ?? JSONObject()])
            } catch let error as FrontError {
                service.configuration.requestLog.failed(run, error)
                guard error != .clientGone else { throw error }
                try await writer.write(dialect.frame(dialect.failure(error)))
            }
            if let end = dialect.end { try await writer.write(end) }
        }
    }

    private func write(_ chunks: [JSONValue], _ writer: inout EventWriter) async throws {
        guard !chunks.isEmpty else { return }
        try await writer.write(chunks.count == 1 ? dialect.frame(chunks[0]) : chunks.flatMap(dialect.frame))
    }
}
