import ApusCore
import ApusWire

/// Texts that wait for their turn, in the order of arrival.
struct EmbeddingQueue {
    /// `arrivedAt` by any clock, `queuedAt` in Unix seconds.
    typealias Entry = (request: EmbedRequest, arrivedAt: Double, queuedAt: Double)

    private var entries: [Entry] = []
    /// Entries before this one have been taken.
    private var head = 0
    private var rids: Set<String> = []

    var count: Int { entries.count - head }
    var isEmpty: Bool { count == 0 }

    /// Tokens of all of them.
    var tokenCount: Int { entries[head...].reduce(0) { $0 + $1.request.inputIDs.count } }

    func contains(_ rid: String) -> Bool { rids.contains(rid) }

    /// `moment`: seconds of any clock that `removeOlder` is asked by.
    mutating func append(_ request: EmbedRequest, at moment: Double) {
        precondition(rids.insert(request.rid).inserted, "a request waits twice")
        entries.append((request, moment, Clocks.unix()))
    }

    /// The next texts: at least one, and as many as have `tokens` together.
    mutating func take(tokens: Int, count limit: Int) -> [Entry] {
        var taken: [Entry] = []
        var sum = 0
        while head < entries.count, taken.count < max(limit, 1) {
            let request = entries[head].request
            sum += request.inputIDs.count
            guard taken.isEmpty || sum <= tokens else { break }
            taken.append(entries[head])
            rids.remove(request.rid)
            head += 1
        }
        if head > 64 && head > entries.count / 2 || head == entries.count {
            entries.removeFirst(head)
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
        for request in removed { rids.remove(request.rid) }
        return removed
    }
}
