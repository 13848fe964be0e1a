/// Finished requests that the front has not released, oldest first: their outputs can be sent again to a detokenizer
/// that lost them. Bounded by count and age.
struct Ledger {
    private var entries: [(request: Request, finishedAt: Double)] = []
    private var head = 0
    /// Entries not released.
    private(set) var count = 0
    private let countLimit: Int
    private let secondsLimit: Double

    init(_ configuration: SchedulerConfiguration) {
        countLimit = configuration.ledgerCount
        secondsLimit = configuration.ledgerSeconds
    }

    mutating func append(_ request: Request, now: Double) {
        entries.append((request, now))
        count += 1
    }

    /// The front released one of the entries (its `isReleased` is set).
    mutating func noteRelease() {
        count -= 1
        if count == 0 { clear() }
    }

    mutating func clear() {
        entries.removeAll(keepingCapacity: entries.count < 1024)
        head = 0
        count = 0
    }

    /// The next entry beyond the limits, taken out; nil when all are within them.
    mutating func popExpired(now: Double) -> Request? {
        while head < entries.count {
            let (request, finishedAt) = entries[head]
            if !request.isReleased {
                guard count > countLimit || now - finishedAt > secondsLimit else { break }
                count -= 1
            }
            head += 1
            if !request.isReleased { return request }
        }
        if head > 64 && head > entries.count / 2 {
            entries.removeFirst(head)
            head = 0
        }
        return nil
    }
}
