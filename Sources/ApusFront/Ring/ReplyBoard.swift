import ApusCore
import ApusWire
import Synchronization

/// Who waits for which request: each entry gets exactly one ending, and each ending the same clean-up.
///
/// Requests travel the ring under ids of their own, so that late words for an earlier request of the same name reach
/// nobody.
final class ReplyBoard: Sendable {
    private enum Phase {
        /// Announced by its handler, not yet handed to the scheduler.
        case preparing
        case dispatched(epoch: UInt64, at: Double)
    }

    private struct Entry {
        let rid: String
        let mailbox: Mailbox
        let index: Int
        /// Health checks and the like: not a request of a client.
        let isInternal: Bool
        var phase = Phase.preparing
        /// Its stream was asked for again because the scheduler says that it has nothing to do.
        var wasMissed = false
        /// nil: not a request of a client.
        var track: RequestTrack?
    }

    private struct Address {
        let mailbox: Mailbox
        let slot: Int
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// Ring ids by the ids that clients know.
        var ringIDs: [String: String] = [:]
        var serial: UInt64

        /// Where a delta goes, and what it brings for those who watch; nil: nobody waits for it.
        mutating func accept(_ delta: TextDelta, at moment: Double) -> (Address, RequestTrack.Arrival?)? {
            guard let place = entries.index(forKey: delta.rid) else { return nil }
            let arrival = entries.values[place].track?.take(delta, at: moment)
            let isStream = entries.values[place].track?.isStream ?? false
            let address = Address(mailbox: entries.values[place].mailbox, slot: entries.values[place].index)
            return (address, isStream ? arrival : nil)
        }
    }

    private let state: Mutex<State>
    private let limit: Int
    private let observer: RequestObserver?
    private let together: @Sendable (() -> Void) -> Void
    private let send: @Sendable (FrontToScheduler) -> Bool

    /// - Parameters:
    ///   - limit: entries at one time.
    ///   - together: runs what wakes many readers.
    ///   - send: hands a message to the ring thread; false when a new request was not taken.
    init(
        limit: Int, observer: RequestObserver? = nil,
        together: @escaping @Sendable (() -> Void) -> Void = { $0() },
        send: @escaping @Sendable (FrontToScheduler) -> Bool
    ) {
        state = Mutex(State(serial: UInt64.random(in: 0..<(1 << 48))))
        self.limit = limit
        self.observer = observer
        self.together = together
        self.send = send
    }

    /// Requests of clients that have no ending yet.
    var clientCount: Int {
        state.withLock { state in state.entries.values.count { !$0.isInternal } }
    }

    /// Opens one entry a sample, `rids[i]` for the slot `i` of the mailbox, all or none; returns their ids on the ring.
    /// `areChosen`: clients chose the ids, so that they may come again.
    func open(
        _ rids: [String], into mailbox: Mailbox, areChosen: Bool, isInternal: Bool = false, call: HTTPCall? = nil
    ) throws(FrontError) -> [String] {
        let now = Clocks.unix()
        let result: Result<[String], FrontError> = state.withLock { state in
            guard state.entries.count + rids.count <= limit else {
                return .failure(.unavailable("The server has too many requests in flight; try again later."))
            }
            if let taken = rids.first(where: { state.ringIDs[$0] != nil }) {
                return .failure(.refused("Duplicate request ID detected: \(taken)"))
            }
            var ringIDs: [String] = []
            for (index, rid) in rids.enumerated() {
                state.serial += 1
                let ringID = areChosen ? "\(rid)~\(String(state.serial, radix: 36))" : rid
                var entry = Entry(rid: rid, mailbox: mailbox, index: index, isInternal: isInternal)
                if !isInternal { entry.track = call.map { RequestTrack(call: $0, rid: rid, openedAt: now) } }
                state.entries[ringID] = entry
                state.ringIDs[rid] = ringID
                ringIDs.append(ringID)
            }
            return .success(ringIDs)
        }
        return try result.get()
    }

    /// Hands a request to the scheduler, unless its entry has ended meanwhile.
    func dispatch(_ request: GenerateRequest, now: Double = Clocks.monotonic()) throws(FrontError) {
        try dispatch(.generate(request), rid: request.rid, schedulerEpoch: request.schedulerEpoch, now: now)
    }

    /// The same for a request of any kind, `rid` on the ring.
    func dispatch(
        _ request: FrontToScheduler, rid: String, schedulerEpoch: UInt64, now: Double = Clocks.monotonic()
    ) throws(FrontError) {
        let isOpen = state.withLock { state in
            guard state.entries[rid] != nil else { return false }
            state.entries[rid]?.phase = .dispatched(epoch: schedulerEpoch, at: now)
            state.entries[rid]?.track?.dispatch(request, at: Clocks.unix())
            return true
        }
        guard isOpen else { return }
        guard send(request) else {
            throw .unavailable("The server has too many requests in flight; try again later.")
        }
    }

    /// Words that end requests, and questions about them, are always taken.
    private func post(_ message: FrontToScheduler) { _ = send(message) }

    // MARK: News from the ring

    /// Readers are woken when all of a batch is in its place, so that they run one after the other.
    func deliver(_ deltas: [TextDelta]) {
        let now = Clocks.unix()
        let accepted = state.withLock { state in deltas.map { state.accept($0, at: now) } }
        observer?.arrived(accepted.compactMap { $0?.1 })
        var gaps: [String] = []
        var ended: [String] = []
        var readers: [Mailbox.Reader] = []
        readers.reserveCapacity(deltas.count)
        for (delta, place) in zip(deltas, accepted) {
            guard let (address, _) = place else { continue }
            // Whoever reads the end finds it settled: the entry is gone, and counted.
            let (delivery, reader) = address.mailbox.deliver(delta, to: address.slot) {
                finish(close(delta.rid), delta.finish)
            }
            if let reader { readers.append(reader) }
            switch delivery {
            case .taken: break
            case .gap: gaps.append(delta.rid)
            case .ended:
                ended.append(delta.rid)
                // Only the detokenizer saw this ending: the scheduler would go on.
                switch delta.finish {
                case .stopString, .stopRegex: post(.abort(.request(rid: delta.rid)))
                default: break
                }
            }
        }
        together { for reader in readers { reader.resume() } }
        if !gaps.isEmpty { post(.resend(rids: gaps)) }
        if !ended.isEmpty { post(.release(rids: ended)) }
    }

    /// Requests that ended without having run.
    func deliver(_ ended: [EndedRequest]) {
        var rids: [String] = []
        for request in ended {
            guard let entry = close(request.rid) else { continue }
            finish(entry, request.finish)
            entry.mailbox.end(entry.index, with: request.finish)
            rids.append(request.rid)
        }
        if !rids.isEmpty { post(.release(rids: rids)) }
    }

    /// Vectors, each the ending of its request; the scheduler has forgotten these already.
    func deliver(_ replies: [EmbeddingReply]) {
        for reply in replies {
            guard var entry = close(reply.rid) else { continue }
            entry.track?.take(reply)
            finish(entry, .length(0))
            entry.mailbox.end(entry.index, with: reply)
        }
    }

    // MARK: Those who watch

    /// An entry has its ending. What the scheduler never saw was refused or given up by the front, and is no request.
    private func finish(_ entry: Entry?, _ reason: FinishReason?) {
        guard let track = entry?.track, track.dispatchedAt > 0 else { return }
        observer?.ended(track, reason)
    }

    // MARK: Endings that the front decides on

    /// Nobody reads these any more (ring ids); those that have ended are left alone.
    func abandon(_ ringIDs: [String]) {
        var dispatched: [String] = []
        for ringID in ringIDs {
            guard let entry = close(ringID), case .dispatched = entry.phase else { continue }
            finish(entry, nil)
            dispatched.append(ringID)
            post(.abort(.request(rid: ringID)))
        }
        if !dispatched.isEmpty { post(.release(rids: dispatched)) }
    }

    /// A client or an operator ends the request that it knows as `rid`; an unknown one is ignored.
    func abort(rid: String) {
        guard let ringID = state.withLock({ $0.ringIDs[rid] }) else { return }
        if !endPreparing(ringID) { post(.abort(.request(rid: ringID))) }
    }

    /// Ends everything in flight.
    func abortAll() {
        let ringIDs = state.withLock { state in state.entries.filter { !$0.value.isInternal }.map(\.key) }
        for ringID in ringIDs { _ = endPreparing(ringID) }
        post(.abort(.everything))
    }

    /// The scheduler `epoch` is gone, and everything with it that it was given; nil: whichever it was.
    func fail(epoch: UInt64?, _ error: FrontError) {
        failAll(error, releasing: false) { entry in
            guard case .dispatched(let its, _) = entry.phase else { return false }
            return epoch == nil || its == epoch
        }
    }

    /// Ends all requests that the scheduler holds and that it shall forget.
    func failEverything(_ error: FrontError) {
        failAll(error, releasing: true) { _ in true }
    }

    /// Requests that we wait for although the scheduler has had nothing to do for a while were lost on the way: they are
    /// asked for again, and given up if that does not help. No path is known that leads here; nobody waits for ever anyway.
    func sweep(idleSince: Double, now: Double) {
        guard now - idleSince > Self.missedAfter else { return }
        let missed = state.withLock { state in
            let missed = state.entries.filter {
                !$0.value.wasMissed && Self.isOlder($0.value, than: now - Self.missedAfter)
            }
            for ringID in missed.keys { state.entries[ringID]?.wasMissed = true }
            return missed.keys.sorted()
        }
        if !missed.isEmpty { post(.resend(rids: missed)) }
        guard now - idleSince > Self.lostAfter else { return }
        failAll(.unavailable("The request was lost; try again."), releasing: true) { entry in
            Self.isOlder(entry, than: now - Self.lostAfter)
        }
    }

    /// Seconds, see `sweep`.
    static let missedAfter = 5.0
    static let lostAfter = 30.0

    private static func isOlder(_ entry: Entry, than moment: Double) -> Bool {
        guard case .dispatched(_, let at) = entry.phase else { return false }
        return at < moment
    }

    private func failAll(_ error: FrontError, releasing: Bool, where matches: (Entry) -> Bool) {
        let failed = state.withLock { state in
            let failed = state.entries.filter { matches($0.value) }
            for (ringID, entry) in failed {
                state.entries[ringID] = nil
                state.ringIDs[entry.rid] = nil
            }
            return failed
        }
        var dispatched: [String] = []
        for (ringID, entry) in failed {
            finish(entry, nil)
            entry.mailbox.fail(error)
            guard releasing, case .dispatched = entry.phase else { continue }
            post(.abort(.request(rid: ringID)))
            dispatched.append(ringID)
        }
        if !dispatched.isEmpty { post(.release(rids: dispatched)) }
    }

    /// Ends a request that the scheduler has not seen; false if it has.
    private func endPreparing(_ ringID: String) -> Bool {
        let entry = state.withLock { state -> Entry? in
            guard let entry = state.entries[ringID], case .preparing = entry.phase else { return nil }
            state.entries[ringID] = nil
            state.ringIDs[entry.rid] = nil
            return entry
        }
        guard let entry else { return false }
        entry.mailbox.end(
            entry.index, with: .abort(message: "Abort in waiting queue", status: nil, kind: nil))
        return true
    }

    @discardableResult
    private func close(_ ringID: String) -> Entry? {
        state.withLock { state in
            guard let entry = state.entries.removeValue(forKey: ringID) else { return nil }
            state.ringIDs[entry.rid] = nil
            return entry
        }
    }
}
