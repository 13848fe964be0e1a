import ApusCore
import ApusWire

/// Sends what requests made to the detokenizer, each token once and in order, however full its queue is: what was
/// not taken stays due and goes with the next attempt.
final class Outputs {
    /// Bounds of one message.
    static let updatesPerMessage = 256
    static let tokensPerMessage = 1 << 16

    private let outbox: any Outbox<SchedulerToDetokenizer>
    private var due: [Request] = []
    private var forgotten: [String] = []
    private var updates: [TokenUpdate] = []
    private var greeting: UInt64?
    private var settings: LogSettings?

    init(_ outbox: any Outbox<SchedulerToDetokenizer>) {
        self.outbox = outbox
    }

    /// Something waits for room in the queue.
    var hasBacklog: Bool { !due.isEmpty || !forgotten.isEmpty || greeting != nil || settings != nil }

    /// Says which scheduler the streams are of, before the next of them.
    func greet(epoch: UInt64) {
        greeting = epoch
    }

    /// Passes on what the log is to tell from now on.
    func configure(_ settings: LogSettings) {
        self.settings = settings
    }

    /// Takes a request up if it has something to tell.
    func offer(_ request: Request) {
        if request.wantsUpdate { enlist(request) }
    }

    private func enlist(_ request: Request) {
        guard !request.isDue else { return }
        request.isDue = true
        due.append(request)
    }

    /// The request's stream begins anew: opening and all tokens.
    func resend(_ request: Request) {
        guard request.isOpened else { return }
        request.sent = 0
        request.isOpened = false
        request.isClosed = false
        enlist(request)
    }

    /// The front has no more interest. A stream that the detokenizer has open is closed there.
    func forget(_ request: Request) {
        request.isReleased = true
        if request.isOpened && !request.isClosed { forgotten.append(request.rid) }
    }

    /// Sends as much as the queue takes.
    func flush() {
        if let epoch = greeting {
            guard outbox.send(.hello(schedulerEpoch: epoch)) else { return }
            greeting = nil
        }
        if let settings {
            guard outbox.send(.configureLogging(settings)) else { return }
            self.settings = nil
        }
        // Before any tokens: an id may be in use again.
        if !forgotten.isEmpty {
            guard outbox.send(.forget(rids: forgotten)) else { return }
            forgotten.removeAll(keepingCapacity: true)
        }
        var done = 0
        while done < due.count {
            let end = gather(from: done)
            if !updates.isEmpty && !outbox.send(.tokens(updates)) { break }
            for request in due[done..<end] { settle(request) }
            done = end
        }
        updates.removeAll(keepingCapacity: true)
        due.removeFirst(done)
    }

    /// Fills `updates` from the requests from `start` on; returns the end of those that went in.
    private func gather(from start: Int) -> Int {
        updates.removeAll(keepingCapacity: true)
        var end = start
        var tokens = 0
        while end < due.count && updates.count < Self.updatesPerMessage && tokens < Self.tokensPerMessage {
            let request = due[end]
            end += 1
            guard !request.isReleased else { continue }
            tokens += request.unsent + (request.sent == 0 ? request.promptLogprobs.count : 0)
            tokens += request.unsentHiddenNumbers
            updates.append(update(of: request))
        }
        return end
    }

    private func update(of request: Request) -> TokenUpdate {
        TokenUpdate(
            rid: request.rid, opening: request.isOpened ? nil : opening(of: request), start: request.sent,
            ids: request.output(from: request.sent),
            logprobs: request.logprobs == nil ? [] : Array(request.outputLogprobs[request.sent...]),
            promptLogprobs: request.sent == 0 ? request.promptLogprobs : [],
            hidden: request.hidden == nil ? [] : Array(request.outputHidden[request.sent...]),
            promptHidden: request.sent == 0 ? request.promptHidden : [], finish: request.finish,
            usage: request.usage, timing: request.timing)
    }

    private func opening(of request: Request) -> StreamOpening {
        StreamOpening(
            promptTail: request.promptTail, stopStrings: request.sampling.stopStrings,
            stopRegexes: request.sampling.stopRegexes, skipSpecialTokens: request.sampling.skipSpecialTokens,
            noStopTrim: request.sampling.noStopTrim, stream: request.stream, origin: request.origin)
    }

    private func settle(_ request: Request) {
        request.isDue = false
        guard !request.isReleased else { return }
        request.isOpened = true
        request.sent = request.generated
        request.isClosed = request.phase == .finished
    }
}
