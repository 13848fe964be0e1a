import ApusCore
import ApusJSON
import Hummingbird
import NIOCore

/// `POST|PUT /generate`, and `POST /vertex_generate`, which is the same for several prompts.
struct GenerateRoute: Sendable {
    let service: FrontService

    /// Bytes of frames that are gathered into one write.
    private static let writeSize = 32 << 10

    func add(to table: inout RouteTable) {
        table.add(
            "/generate", methods: [.post, .put],
            about: RouteDocument(
                "Continue text or tokens", body: GenerateFields.rules, answer: .streamable,
                members: ["sampling_params": SamplingFields.schema])
        ) { request throws(FrontError) in
            try JSONBody.checkType(request.http, acceptsForm: true)
            return try await respond(request) { body throws(FrontError) in body }
        }
        table.add(
            "/vertex_generate", methods: [.post],
            about: RouteDocument(
                "Continue several prompts, in the words of Vertex AI", body: VertexBody.rules, answer: .streamable)
        ) { request throws(FrontError) in
            try JSONBody.checkType(request.http)
            return try await respond(request, member: "predictions") { body throws(FrontError) in
                try VertexBody.native(body)
            }
        }
    }

    /// - Parameters:
    ///   - member: of an object that the buffered answer stands in; nil: it stands alone.
    ///   - native: makes the body of `/generate` of what came; runs on a worker.
    private func respond(
        _ request: FrontRequest, member: String? = nil,
        _ native: @escaping @Sendable (JSONObject) throws(FrontError) -> JSONObject
    ) async throws(FrontError) -> Response {
        let receivedAt = Clocks.unix()
        let scope = service.scope(of: request)
        let received = try await service.bodies.read(request.http, request.channel)
        let size = received.bytes.readableBytes
        let body = try await service.work.run(size: size) { () throws(FrontError) in
            try scope.checkClient()
            let body = try native(JSONBody.parse(received.bytes))
            try GenerateFields.checkStrictly(body)
            try body.check(GenerateFields.rules)
            return body
        }
        let isStream = body["stream"]?.boolValue ?? false
        let run: GenerateRun
        do {
            run = try await service.prepare(body, size: size, scope: scope, receivedAt: receivedAt)
        } catch {
            scope.end()
            guard isStream, error != .clientGone else { throw error }
            return .events { [error] writer in
                try await writer.write(EventFrame.data(error.frame))
                try await writer.write(EventFrame.done)
            }
        }
        service.configuration.requestLog.received(run)
        return isStream ? stream(run, request.channel) : try await buffered(run, member: member)
    }

    private func buffered(_ run: GenerateRun, member: String?) async throws(FrontError) -> Response {
        defer { run.scope.end() }
        var answers = service.answers(of: run)
        do throws(FrontError) {
            try await service.dispatch(run)
            let dispatchedAt = Clocks.unix()
            while let (index, update) = try await run.next() {
                if let failure = update.finish?.failure { throw failure }
                answers[index].absorb(update)
            }
            for index in answers.indices { answers[index].noteDispatch(at: dispatchedAt) }
        } catch {
            logFailure(of: run, error)
            throw error
        }
        logFinish(of: run, answers)
        var bytes: [UInt8] = []
        if let member {
            bytes.append(UInt8(ascii: "{"))
            JSONWriter.append(member, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
        }
        if run.plan.isArray {
            bytes.append(UInt8(ascii: "["))
            for index in answers.indices {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                answers[index].appendChunk(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        } else {
            answers[0].appendChunk(to: &bytes)
        }
        if member != nil { bytes.append(UInt8(ascii: "}")) }
        return .json(bytes: bytes)
    }

    private func stream(_ run: GenerateRun, _ channel: any Channel) -> Response {
        .events(on: run.hasShortTurns ? service.connections.lane(of: channel) : nil) { writer in
            defer { run.scope.end() }
            var answers = service.answers(of: run)
            do {
                try await service.dispatch(run)
                let dispatchedAt = Clocks.unix()
                for index in answers.indices { answers[index].noteDispatch(at: dispatchedAt) }
                while let (index, update) = try await run.next() {
                    // Not kept from turn to turn: the memory that the stream before gave back is still in the cache.
                    var frames: [UInt8] = []
                    answers[index].absorb(update)
                    EventFrame.append(to: &frames) { answers[index].appendChunk(to: &$0) }
                    // What is there already goes out with it.
                    while frames.count < Self.writeSize, run.mailbox.hasNews,
                        let (index, update) = try await run.next()
                    {
                        answers[index].absorb(update)
                        EventFrame.append(to: &frames) { answers[index].appendChunk(to: &$0) }
                    }
                    try await writer.write(frames)
                    // Others of the same event loop have their turn before a long batch goes on.
                    if run.mailbox.hasNews { await Task.yield() }
                }
                logFinish(of: run, answers)
            } catch let error as FrontError {
                logFailure(of: run, error)
                guard error != .clientGone else { throw error }
                try await writer.write(EventFrame.data(error.frame))
            }
            try await writer.write(EventFrame.done)
        }
    }

    private func logFinish(of run: GenerateRun, _ answers: [GenerateAnswer]) {
        service.configuration.requestLog.finished(run, answers: answers.map(\.summary))
    }

    private func logFailure(of run: GenerateRun, _ error: FrontError) {
        service.configuration.requestLog.failed(run, error)
    }
}
