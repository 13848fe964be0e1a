import ApusCore
import ApusWire

/// Texts that wait for their turn, in the order of arrival.
struct EmbeddingQueue {
    struct Entry {
        let request: EmbedRequest
        /// By any clock.
        let arrivedAt: Double
        /// Unix seconds.
        let queuedAt: Double
        /// Of the weights that it will run on; nil: they are not there yet.
        var generation: Int?
    }

    private var entries: [Entry] = []
    /// Entries before this one have been taken.
    private var head = 0
    private var rids: Set<String> = []
    /// Entries before this one, taken ones included, are bound.
    private var unbound = 0

    var count: Int { entries.count - head }
    var isEmpty: Bool { count == 0 }

    /// Tokens of all of them.
    var tokenCount: Int { entries[head...].reduce(0) { $0 + $1.request.inputIDs.count } }

    func contains(_ rid: String) -> Bool { rids.contains(rid) }

    /// `moment`: seconds of any clock that `removeOlder` is asked by.
    mutating func append(_ request: EmbedRequest, at moment: Double) {
        precondition(rids.insert(request.rid).inserted, "a request waits twice")
        entries.append(Entry(request: request, arrivedAt: moment, queuedAt: Clocks.unix()))
    }

    /// Weights for those that came since.
    mutating func bind(to generation: Int) {
        while unbound < entries.count {
            entries[unbound].generation = generation
            unbound += 1
        }
    }

    /// Some text can run.
    var isReady: Bool { head < unbound }

    /// Texts wait for these weights. Generations only grow from one text to the next.
    func waits(for generation: Int) -> Bool {
        entries[head..<unbound].contains { $0.generation == generation }
    }

    /// The next texts that run on the same weights: at least one, and as many as have `tokens` together.
    mutating func take(tokens: Int, count limit: Int) -> [Entry] {
        var taken: [Entry] = []
        var sum = 0
        let generation = isReady ? entries[head].generation : nil
        while isReady, entries[head].generation == generation, taken.count < max(limit, 1) {
            let request = entries[head].request
            sum += request.inputIDs.count
            guard taken.isEmpty || sum <= tokens else { break }
            taken.append(entries[head])
            rids.remove(request.rid)
            head += 1
        }
        if head > 64 && head > entries.count / 2 || head == entries.count {
            entries.removeFirst(head)
            unbound -= head
            head = 0
        }
        return taken
    }

    /// Takes those out that are named and wait.
    @discardableResult
    mutating func remove(_ named: Set<String>) -> [EmbedRequest] {
        guard !rids.isDisjoint(with: named) else { return [] }
        return remove { entry in named.contains(entry.request.rid) }
    }

    @discardableResult
    mutating func removeAll() -> [EmbedRequest] {
        remove { _ in true }
    }

    mutating func removeOlder(than moment: Double) -> [EmbedRequest] {
        guard head < entries.count, entries[head].arrivedAt < moment else { return [] }
        return remove { $0.arrivedAt < moment }
    }

    private mutating func remove(where isOut: (Entry) -> Bool) -> [EmbedRequest] {
        let waiting = entries[head...]
        let removed = waiting.filter(isOut).map(\.request)
        entries = waiting.filter { !isOut($0) }
        head = 0
        unbound = entries.firstIndex { $0.generation == nil } ?? entries.count
        for request in removed { rids.remove(request.rid) }
        return removed
    }
}
