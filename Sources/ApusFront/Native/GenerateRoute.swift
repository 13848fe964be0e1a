import ApusCore
import ApusJSON
import Hummingbird
import NIOCore

/// `POST|PUT /generate`.
struct GenerateRoute: Sendable {
    let service: FrontService

    /// Bytes of frames that are gathered into one write.
    private static let writeSize = 32 << 10

    @Sendable
    func respond(_ request: FrontRequest) async throws(FrontError) -> Response {
        let receivedAt = Clocks.unix()
        try JSONBody.checkType(request.http, acceptsForm: true)
        let scope = service.scope(of: request)
        let received = try await service.bodies.read(request.http, request.channel)
        let size = received.bytes.readableBytes
        let body = try await service.work.run(size: size) { () throws(FrontError) in
            try scope.checkClient()
            let body = try JSONBody.parse(received.bytes)
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
        service.configuration.requestLog?.received(body, rids: run.plan.samples.map(\.rid))
        return isStream ? stream(run) : try await buffered(run)
    }

    private func buffered(_ run: GenerateRun) async throws(FrontError) -> Response {
        defer { run.scope.end() }
        var answers = service.answers(of: run)
        do throws(FrontError) {
            try await service.dispatch(run)
            let dispatchedAt = Clocks.unix()
            while let (index, update) = try await run.mailbox.next() {
                if let failure = update.finish?.failure { throw failure }
                answers[index].absorb(update)
            }
            for index in answers.indices { answers[index].noteDispatch(at: dispatchedAt) }
        } catch {
            logFailure(of: run, error)
            throw error
        }
        logFinish(of: run, answers)
        let chunks = answers.indices.map { answers[$0].chunk() }
        guard run.plan.isArray else { return .json(bytes: chunks[0]) }
        var bytes: [UInt8] = [UInt8(ascii: "[")]
        bytes += chunks.joined(separator: CollectionOfOne(UInt8(ascii: ",")))
        bytes.append(UInt8(ascii: "]"))
        return .json(bytes: bytes)
    }

    private func stream(_ run: GenerateRun) -> Response {
        .events { writer in
            defer { run.scope.end() }
            var answers = service.answers(of: run)
            do {
                try await service.dispatch(run)
                let dispatchedAt = Clocks.unix()
                for index in answers.indices { answers[index].noteDispatch(at: dispatchedAt) }
                while let (index, update) = try await run.mailbox.next() {
                    answers[index].absorb(update)
                    var frames = EventFrame.data(bytes: answers[index].chunk())
                    // What is there already goes out with it.
                    while frames.readableBytes < Self.writeSize, run.mailbox.hasNews,
                        let (index, update) = try await run.mailbox.next()
                    {
                        answers[index].absorb(update)
                        frames.writeImmutableBuffer(EventFrame.data(bytes: answers[index].chunk()))
                    }
                    try await writer.write(frames)
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
        service.configuration.requestLog?.finished(
            run.body, rids: run.plan.samples.map(\.rid), answers: answers.map(\.summary))
    }

    private func logFailure(of run: GenerateRun, _ error: FrontError) {
        service.configuration.requestLog?.failed(run.body, rids: run.plan.samples.map(\.rid), error)
    }
}
