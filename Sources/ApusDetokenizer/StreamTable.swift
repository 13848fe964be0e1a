import ApusCore
import ApusText
import ApusWire

/// The streams that are under way, by request, at most `capacity` of them.
///
/// When one too many is opened the oldest is given up and its request ends with an error: the scheduler could send it
/// again, but then it would push out the next.
struct StreamTable {
    private enum Entry {
        case open(TextStream)
        /// Ended by a stop string here; the scheduler does not know yet, and its further updates are ignored.
        case stopped
        /// Tokens are missing: reported at this time (monotonic seconds), waiting for the stream's start.
        case broken(reportedAt: Double)
    }

    private struct Slot {
        var entry: Entry
        /// Rises with each opening.
        let serial: UInt64
    }

    private let tokenizer: Tokenizer
    private let capacity: Int
    private var slots: [String: Slot] = [:]
    /// Openings from `head` on, oldest first; those whose serial is not the slot's any more are out of date.
    private var order: [(rid: String, serial: UInt64)] = []
    private var head = 0
    private var nextSerial: UInt64 = 0

    /// Seconds after which missing tokens that still have not come are reported again.
    private static let patience = 1.0

    init(tokenizer: Tokenizer, capacity: Int) {
        self.tokenizer = tokenizer
        self.capacity = capacity
    }

    var count: Int { slots.count }
    /// Entries kept to know which stream is the oldest.
    var orderCount: Int { order.count }

    mutating func remove(_ rid: String) {
        slots[rid] = nil
    }

    mutating func removeAll() {
        slots.removeAll()
        order.removeAll()
        head = 0
    }

    mutating func apply(_ update: TokenUpdate, now: Double, _ batch: inout OutgoingBatch) {
        if let opening = update.opening, update.start == 0 {
            // A new stream, or one that is sent again: what was known of it is replaced.
            open(update.rid, .open(TextStream(update.rid, opening, tokenizer: tokenizer)), &batch)
        }
        switch slots[update.rid]?.entry {
        case .stopped:
            if update.finish != nil { remove(update.rid) }
        case .broken(let reportedAt):
            guard now - reportedAt >= Self.patience else { return }
            report(update.rid, now, &batch)
        case .open(let stream):
            guard (0...stream.received).contains(update.start) else { return report(update.rid, now, &batch) }
            if let delta = stream.apply(update) { batch.deltas.append(delta) }
            settle(update, stream)
        case nil:
            report(update.rid, now, &batch)
        }
    }

    /// What becomes of a stream after an update.
    private mutating func settle(_ update: TokenUpdate, _ stream: TextStream) {
        if update.finish != nil {
            remove(update.rid)
        } else if stream.hasEnded {
            slots[update.rid]?.entry = .stopped
        }
    }

    private mutating func report(_ rid: String, _ now: Double, _ batch: inout OutgoingBatch) {
        batch.gaps.append(rid)
        if slots[rid] == nil {
            open(rid, .broken(reportedAt: now), &batch)
        } else {
            slots[rid]?.entry = .broken(reportedAt: now)
        }
    }

    private mutating func open(_ rid: String, _ entry: Entry, _ batch: inout OutgoingBatch) {
        if slots[rid] == nil, slots.count >= capacity { evictOldest(&batch) }
        nextSerial += 1
        slots[rid] = Slot(entry: entry, serial: nextSerial)
        order.append((rid, nextSerial))
        compact()
    }

    private mutating func evictOldest(_ batch: inout OutgoingBatch) {
        while head < order.count {
            let (rid, serial) = order[head]
            head += 1
            guard let slot = slots[rid], slot.serial == serial else { continue }
            remove(rid)
            if case .open(let stream) = slot.entry { batch.deltas.append(stream.failure(Self.evicted(capacity))) }
            return
        }
    }

    private static func evicted(_ capacity: Int) -> FinishReason {
        .abort(
            message: "The text of this request was given up because more than \(capacity) requests were in flight. "
                + "Set SGLANG_DETOKENIZER_MAX_STATES to a larger value.",
            status: 500, kind: "InternalServerError")
    }

    /// Keeps `order` in proportion to the streams.
    private mutating func compact() {
        guard order.count > 2 * slots.count + 64 else { return }
        order = order[head...].filter { slots[$0.rid]?.serial == $0.serial }
        head = 0
    }
}
