import ApusCore
import ApusWire
import Synchronization

/// What came for one sample since the last look.
struct ReplyUpdate: Sendable {
    var ids: [Int32] = []
    var text = ""
    var logprobs: [TokenLogprobs] = []
    var promptLogprobs: [TokenLogprobs] = []
    var hidden: [HiddenState] = []
    var promptHidden: [HiddenState] = []
    /// What a model that makes vectors made.
    var vector: [Float] = []
    /// Of the weights that made it.
    var weightVersion = ""
    /// The last update of its sample has it.
    var finish: FinishReason?
    /// The request ended before its first step: there are no counts.
    var neverRan = false
    var usage = Usage(promptTokens: 0)
    var timing = Timing()

    /// Takes in what came after this.
    mutating func merge(_ next: ReplyUpdate) {
        ids += next.ids
        text += next.text
        logprobs += next.logprobs
        promptLogprobs += next.promptLogprobs
        hidden += next.hidden
        promptHidden += next.promptHidden
        vector += next.vector
        weightVersion = next.weightVersion
        finish = next.finish
        neverRan = next.neverRan
        usage = next.usage
        timing = next.timing
    }
}

/// Where the samples of one HTTP request arrive, and where its one reader waits.
///
/// For a slow reader the updates of a sample are merged once some wait: what is kept is bounded by the output of the
/// request. A stream that is sent again from its start (the detokenizer was restarted) is cut to what is new.
final class Mailbox: Sendable {
    private struct Slot {
        var pending: [ReplyUpdate] = []
        var hasEnded = false
        /// Tokens and UTF-8 bytes of text taken so far.
        var idCount = 0
        var textCount = 0
        var hasPromptLogprobs = false
        var hasPromptHidden = false
        /// The stream was asked for again from its start: no further gap is reported until it comes.
        var awaitsResend = false
    }

    private struct State {
        var slots: [Slot]
        /// The slots of all pending updates, in the order of arrival.
        var ready: [Int] = []
        var open: Int
        var failure: FrontError?
        var waiter: Reader?
    }

    /// Whoever waits in `next`: to be resumed once.
    typealias Reader = UnsafeContinuation<Void, Never>

    enum Delivery {
        case taken
        /// Something is missing before this delta: the stream must be sent again.
        case gap
        /// The sample's last word.
        case ended
    }

    private enum Item {
        case update(Int, ReplyUpdate)
        case allEnded
        case failed(FrontError)
        case nothing
    }

    private let state: Mutex<State>

    /// Room for `count` samples.
    init(count: Int) {
        state = Mutex(State(slots: Array(repeating: Slot(), count: count), open: count))
    }

    /// The next update of any sample; nil when all have ended and everything was read. One reader at a time.
    nonisolated(nonsending) func next() async throws(FrontError) -> (index: Int, update: ReplyUpdate)? {
        while true {
            switch state.withLock({ Self.take(&$0) }) {
            case .update(let index, let update): return (index, update)
            case .allEnded: return nil
            case .failed(let error): throw error
            case .nothing: await wait()
            }
        }
    }

    /// `next()` would not wait.
    var hasNews: Bool { state.withLock { Self.hasNews($0) } }

    /// Hands over news of the sample `index`; the caller resumes the reader. `onEnd` runs at its last word, before the
    /// reader can see it; it must not come back here.
    func deliver(_ delta: TextDelta, to index: Int, onEnd: () -> Void = {}) -> (Delivery, Reader?) {
        state.withLock { state in
            let (delivery, update) = Self.news(of: delta, for: &state.slots[index])
            if delivery == .ended {
                state.open -= 1
                onEnd()
            }
            return (delivery, update.flatMap { Self.enqueue($0, index, &state) })
        }
    }

    /// Ends the sample `index` without counts, since it never ran.
    func end(_ index: Int, with finish: FinishReason) {
        var update = ReplyUpdate()
        update.finish = finish
        update.neverRan = true
        end(index, update)
    }

    /// Ends the sample `index` with its vector.
    func end(_ index: Int, with reply: EmbeddingReply) {
        var update = ReplyUpdate()
        update.finish = .length(0)
        update.vector = reply.vector
        update.weightVersion = reply.weightVersion
        update.usage = Usage(promptTokens: reply.promptTokens)
        end(index, update)
    }

    private func end(_ index: Int, _ update: ReplyUpdate) {
        let waiter = state.withLock { state -> Reader? in
            guard !state.slots[index].hasEnded else { return nil }
            state.slots[index].hasEnded = true
            state.open -= 1
            return Self.enqueue(update, index, &state)
        }
        waiter?.resume()
    }

    /// Ends everything: the reader gets the error, whatever is pending.
    func fail(_ error: FrontError) {
        let waiter = state.withLock { state in
            if state.failure == nil { state.failure = error }
            return Self.wake(&state)
        }
        waiter?.resume()
    }

    private nonisolated(nonsending) func wait() async {
        await withUnsafeContinuation { continuation in
            let isReady = state.withLock { state in
                if Self.hasNews(state) { return true }
                precondition(state.waiter == nil, "a mailbox has one reader")
                state.waiter = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
    }

    private static func hasNews(_ state: State) -> Bool {
        !state.ready.isEmpty || state.open == 0 || state.failure != nil
    }

    private static func take(_ state: inout State) -> Item {
        if let failure = state.failure { return .failed(failure) }
        guard let index = state.ready.first else { return state.open == 0 ? .allEnded : .nothing }
        state.ready.removeFirst()
        return .update(index, state.slots[index].pending.removeFirst())
    }

    /// Updates of one sample that may wait; one more, and all are merged into one, so that the reader catches up.
    static let patience = 32

    private static func enqueue(_ update: ReplyUpdate, _ index: Int, _ state: inout State) -> Reader? {
        state.slots[index].pending.append(update)
        state.ready.append(index)
        if state.slots[index].pending.count > patience {
            let pending = state.slots[index].pending
            state.slots[index].pending = [pending.dropFirst().reduce(into: pending[0]) { $0.merge($1) }]
            state.ready.removeAll { $0 == index }
            state.ready.append(index)
        }
        return wake(&state)
    }

    private static func wake(_ state: inout State) -> Reader? {
        defer { state.waiter = nil }
        return state.waiter
    }

    /// The array itself, not a copy, where all of it is new: that is the case for every token but after a restart.
    private static func rest<Element>(of array: [Element], after count: Int) -> [Element] {
        count == 0 ? array : Array(array.dropFirst(count))
    }

    /// What of a delta is new to the slot.
    private static func news(of delta: TextDelta, for slot: inout Slot) -> (Delivery, ReplyUpdate?) {
        if slot.hasEnded { return (.taken, nil) }
        if delta.start > slot.idCount || delta.textStart > slot.textCount {
            if slot.awaitsResend { return (.taken, nil) }
            slot.awaitsResend = true
            return (.gap, nil)
        }
        slot.awaitsResend = false

        let knownIDs = min(slot.idCount - delta.start, delta.ids.count)
        let knownText = min(slot.textCount - delta.textStart, delta.text.utf8.count)
        let hasNewPrompt = !delta.promptLogprobs.isEmpty && !slot.hasPromptLogprobs
        let hasNewHidden = !delta.promptHidden.isEmpty && !slot.hasPromptHidden
        var update = ReplyUpdate()
        update.ids = rest(of: delta.ids, after: knownIDs)
        update.text =
            knownText == 0 ? delta.text : String(decoding: delta.text.utf8.dropFirst(knownText), as: UTF8.self)
        guard !update.ids.isEmpty || !update.text.isEmpty || hasNewPrompt || hasNewHidden || delta.finish != nil
        else { return (.taken, nil) }
        update.logprobs = rest(of: delta.logprobs, after: knownIDs)
        update.promptLogprobs = hasNewPrompt ? delta.promptLogprobs : []
        update.hidden = rest(of: delta.hidden, after: knownIDs)
        update.promptHidden = hasNewHidden ? delta.promptHidden : []
        update.finish = delta.finish
        update.usage = delta.usage
        update.timing = delta.timing
        slot.hasPromptLogprobs = slot.hasPromptLogprobs || hasNewPrompt
        slot.hasPromptHidden = slot.hasPromptHidden || hasNewHidden
        slot.idCount += update.ids.count
        slot.textCount += update.text.utf8.count
        slot.hasEnded = delta.finish != nil
        return (slot.hasEnded ? .ended : .taken, update)
    }
}
