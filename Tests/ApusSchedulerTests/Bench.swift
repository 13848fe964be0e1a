import ApusCore
import ApusEngine
import ApusGrammar
import ApusWire
import Logging

@testable import ApusScheduler

/// A scheduler between queues that a test holds, with a clock that the test turns.
final class Bench {
    let worker: FakeWorker
    let inbox = ListInbox()
    let detokenizer = ListOutbox<SchedulerToDetokenizer>()
    let front = ListOutbox<SchedulerToFront>()
    let time = Time()
    let scheduler: Scheduler
    /// Weights that are being looked for or loaded: each job runs when the test says so.
    let jobs = JobList()
    /// What a client of both links has seen.
    private(set) var streams: [String: Stream] = [:]
    private(set) var ended: [String: FinishReason] = [:]
    private(set) var replies: [SchedulerToFront] = []

    final class Time {
        var now = 1000.0
    }

    struct Stream {
        var ids: [Int32] = []
        var logprobs: [TokenLogprobs] = []
        var promptLogprobs: [TokenLogprobs] = []
        var hidden: [HiddenState] = []
        var promptHidden: [HiddenState] = []
        var opening: StreamOpening?
        var finish: FinishReason?
        var usage = Usage(promptTokens: 0)
        var timing = Timing()
        /// Lengths of the updates, in order.
        var pieces: [Int] = []
        var endings = 0
    }

    init(
        worker: FakeWorker = FakeWorker(), logger: Logger? = nil, library: FakeLibrary? = nil,
        _ change: (inout SchedulerConfiguration) -> Void = { _ in }, compilation: GrammarCompilation? = nil
    ) {
        self.worker = worker
        var configuration = SchedulerConfiguration(epoch: 7, processID: 1)
        change(&configuration)
        let time = time
        let jobs = jobs
        scheduler = Scheduler(
            configuration: configuration, worker: worker, inbox: inbox, detokenizer: detokenizer, front: front,
            logger: logger ?? Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, clock: { time.now },
            weightJobs: library.map {
                WeightJobs($0, gate: LoadGate(patience: 60), wake: {}, start: { jobs.append($0) })
            },
            grammarWorker: compilation.map { compile in
                GrammarWorker(
                    seconds: configuration.grammarSeconds, wake: {}, start: { jobs.append($0) }, compile: compile)
            })
    }

    func send(_ message: FrontToScheduler) {
        inbox.messages.append(message)
    }

    func generate(
        _ rid: String, _ prompt: [Int32], limit: Int? = 8, stream: Bool = true, namespace: String = "",
        logprobs: LogprobRequest? = nil, embeddings: [Float] = [], interval: Int = 1, epoch: UInt64 = 7,
        isHealthCheck: Bool = false,
        _ change: (inout SamplingParameters) -> Void = { _ in }
    ) {
        var sampling = SamplingParameters()
        sampling.maxNewTokens = limit
        sampling.seed = 0
        change(&sampling)
        send(
            .generate(
                GenerateRequest(
                    rid: rid, schedulerEpoch: epoch, inputIDs: prompt, inputEmbeddings: embeddings,
                    sampling: sampling, stream: stream, streamInterval: interval, logprobs: logprobs,
                    cacheNamespace: namespace,
                    isHealthCheck: isHealthCheck)))
    }

    /// One step, and what it told.
    func step() {
        scheduler.step()
        let violations = scheduler.violations()
        precondition(violations.isEmpty, violations.joined(separator: "; "))
        collect()
    }

    /// Steps until all is done; fails the process when that never comes.
    func runToIdle(limit: Int = 100_000) {
        var steps = 0
        repeat {
            step()
            steps += 1
            precondition(steps < limit, "the scheduler does not come to rest")
        } while !scheduler.isIdle || !inbox.messages.isEmpty || scheduler.outputs.hasBacklog
            || scheduler.front.hasBacklog
    }

    /// Takes what the scheduler sent as the detokenizer and the front would.
    func collect() {
        for message in detokenizer.drain() {
            guard case .tokens(let updates) = message else { continue }
            for update in updates { take(update) }
        }
        for message in front.drain() {
            if case .ended(let requests) = message {
                for request in requests {
                    precondition(ended[request.rid] == nil, "\(request.rid) ended twice")
                    ended[request.rid] = request.finish
                }
            }
            replies.append(message)
        }
    }

    private func take(_ update: TokenUpdate) {
        var stream = streams[update.rid] ?? Stream()
        if let opening = update.opening {
            precondition(update.start == 0, "an opening in mid-stream")
            // Sent again from its start: what was there must come once more.
            stream.ids = []
            stream.logprobs = []
            stream.promptLogprobs = update.promptLogprobs
            stream.hidden = []
            stream.promptHidden = update.promptHidden
            stream.opening = opening
            stream.finish = nil
            stream.endings = 0
        }
        precondition(stream.opening != nil, "\(update.rid) was not opened")
        precondition(update.start == stream.ids.count, "a gap in \(update.rid)")
        stream.ids += update.ids
        stream.logprobs += update.logprobs
        stream.hidden += update.hidden
        stream.usage = update.usage
        stream.timing = update.timing
        stream.pieces.append(update.ids.count)
        if let finish = update.finish {
            stream.finish = finish
            stream.endings += 1
        }
        streams[update.rid] = stream
    }

    /// As after a restart of the detokenizer: what it knew is gone.
    func forgetStreams() {
        streams.removeAll()
    }

    /// The front has the final word of a request.
    func release(_ rid: String) {
        send(.release(rids: [rid]))
    }

    var phases: [String: Request.Phase] { scheduler.requests.mapValues(\.phase) }

    /// Free and cached tokens make the whole pool.
    var isPoolWhole: Bool { scheduler.leak == nil }
}

final class ListInbox: Inbox {
    var messages: [FrontToScheduler] = []
    /// Timeouts asked for while nothing was there.
    var waits: [Double] = []
    /// Called while the scheduler waits.
    var onWait: () -> Void = {}

    func receive(timeout: Double) -> FrontToScheduler? {
        guard !messages.isEmpty else {
            if timeout > 0 {
                waits.append(timeout)
                onWait()
            }
            return nil
        }
        return messages.removeFirst()
    }
}

/// Takes messages until it is told to be full.
final class ListOutbox<Message: Sendable>: Outbox {
    var messages: [Message] = []
    var isFull: () -> Bool = { false }

    func send(_ message: Message) -> Bool {
        if isFull() { return false }
        messages.append(message)
        return true
    }

    func drain() -> [Message] {
        defer { messages.removeAll() }
        return messages
    }
}
