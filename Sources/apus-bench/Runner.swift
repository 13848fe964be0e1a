import ApusJSON
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1

/// Sends the requests of a workload and measures each.
struct Runner: Sendable {
    let client: HTTPClient
    let backend: Backend
    let model: String
    let streams: Bool
    let ignoresEOS: Bool
    let extraBody: JSONObject
    let headers: [(String, String)]

    /// - Parameters:
    ///   - rate: requests a second with exponential gaps (open loop); infinite: all are due at once.
    ///   - concurrency: most requests in flight (closed loop when the rate is infinite); nil: no limit.
    ///   - progress: told how many have ended.
    func run(
        _ requests: [BenchRequest], rate: Double, concurrency: Int?, seed: UInt64,
        progress: @escaping @Sendable (Int) -> Void
    ) async -> [Measurement] {
        let due = Self.arrivals(requests.count, rate: rate, seed: seed)
        let conversations = Conversations()
        let results = NIOLockedValueBox<[Measurement]>([])
        let next = NIOLockedValueBox(0)
        let begin = now()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<min(concurrency ?? requests.count, requests.count) {
                group.addTask {
                    while true {
                        let index = next.withLockedValue { value in
                            defer { value += 1 }
                            return value
                        }
                        guard index < requests.count else { return }
                        let wait = begin + due[index] - now()
                        if wait > 0 { try? await Task.sleep(for: .seconds(wait)) }
                        // A turn goes on from what was said in those before it.
                        let (request, ready) = await conversations.next(requests[index])
                        // In an open loop a request's time runs from when it was due, waiting for a free place included.
                        let start = rate.isFinite ? max(begin + due[index], ready) : now()
                        let measured = await measure(request, start: start)
                        conversations.end(index, request, measured)
                        progress(
                            results.withLockedValue { results in
                                results.append(measured)
                                return results.count
                            })
                    }
                }
            }
        }
        return results.withLockedValue { $0 }
    }

    private static func arrivals(_ count: Int, rate: Double, seed: UInt64) -> [Double] {
        guard rate.isFinite else { return Array(repeating: 0, count: count) }
        var random = Generator(seed: seed ^ 0xA11)
        var time = 0.0
        return (0..<count).map { _ in
            defer { time += exponential(rate, &random) }
            return time
        }
    }

    func measure(_ request: BenchRequest, start: Double) async -> Measurement {
        let stream = streams && backend.generates
        var body = backend.body(of: request, model: model, stream: stream, ignoreEOS: ignoresEOS)
        for member in extraBody { body[member.key] = member.value }
        let state = NIOLockedValueBox(ResponseState(backend: backend, streams: stream, start: start))
        do {
            try await client.send(.POST, backend.path, body: JSONValue.object(body).serialized, headers: headers) {
                part in
                try state.withLockedValue { try $0.receive(part) }
            }
        } catch {
            state.withLockedValue { $0.measurement.failure = $0.measurement.failure ?? "\(error)" }
        }
        return state.withLockedValue { $0.finished() }
    }
}

/// Reads one answer and notes when its tokens came.
struct ResponseState: Sendable {
    var measurement: Measurement
    private let backend: Backend
    private let streams: Bool
    private var status = 0
    private var events = EventStream()
    private var whole: [UInt8] = []
    private var last = 0.0
    private var seenTokens = 0

    init(backend: Backend, streams: Bool, start: Double) {
        (self.backend, self.streams) = (backend, streams)
        measurement = Measurement(start: start)
    }

    mutating func receive(_ part: ResponsePart) throws {
        switch part {
        case .status(let code): status = code
        case .body(let bytes):
            guard streams, status == 200 else {
                whole += bytes.readableBytesView
                return
            }
            let time = now()
            for event in events.events(in: bytes.readableBytesView) where event != Array("[DONE]".utf8) {
                note(backend.progress(in: try JSONValue(parsing: event)), at: time)
            }
        }
    }

    private mutating func note(_ progress: Backend.Progress, at time: Double) {
        measurement.failure = measurement.failure ?? progress.failure
        measurement.promptTokens = progress.promptTokens ?? measurement.promptTokens
        measurement.cachedTokens = progress.cachedTokens ?? measurement.cachedTokens
        measurement.outputIDs = progress.outputIDs ?? measurement.outputIDs
        if let text = progress.text { measurement.outputText = (measurement.outputText ?? "") + text }
        if progress.bringsToken {
            let total = max(progress.outputTokens ?? seenTokens + 1, seenTokens)
            let brought = total - seenTokens
            if seenTokens == 0 {
                measurement.firstToken = time - measurement.start
            } else if brought > 0 {
                measurement.gaps += Array(repeating: (time - last) / Double(brought), count: brought)
            }
            seenTokens = total
            last = time
        }
        measurement.outputTokens = max(progress.outputTokens ?? 0, seenTokens)
    }

    mutating func finished() -> Measurement {
        measurement.end = now()
        if status != 200, measurement.failure == nil {
            measurement.failure = "status \(status): \(String(decoding: whole.prefix(300), as: UTF8.self))"
        } else if !streams, measurement.failure == nil {
            if let json = try? JSONValue(parsing: whole) {
                note(backend.progress(in: json), at: measurement.end)
                measurement.firstToken = 0
            } else {
                measurement.failure = "the answer is not JSON"
            }
        }
        return measurement
    }
}
