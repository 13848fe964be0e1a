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
        return isStream ? stream(run) : try await buffered(run)
    }

    private func buffered(_ run: GenerateRun) async throws(FrontError) -> Response {
        defer { run.scope.end() }
        var answers = service.answers(of: run)
        try await service.dispatch(run)
        let dispatchedAt = Clocks.unix()
        while let (index, update) = try await run.mailbox.next() {
            if let failure = update.finish?.failure { throw failure }
            answers[index].absorb(update)
        }
        var chunks: [[UInt8]] = []
        for index in answers.indices {
            answers[index].noteDispatch(at: dispatchedAt)
            chunks.append(answers[index].chunk())
        }
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
            } catch let error as FrontError where error != .clientGone {
                try await writer.write(EventFrame.data(error.frame))
            }
            try await writer.write(EventFrame.done)
        }
    }
}
