/// The requests that wait, in order of arrival.
///
/// A sorted array with holes: removal is a binary search, and holes are swept once they outnumber the rest. A
/// retracted request returns to the place that its arrival gives it.
struct PrefillQueue {
    private struct Entry {
        let arrival: UInt64
        var request: Request?
    }

    private var entries: [Entry] = []
    /// Entries before this one are holes.
    private var head = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func insert(_ request: Request) {
        precondition(request.phase == .waiting)
        let index = position(of: request.arrival)
        if index < entries.count && entries[index].arrival == request.arrival {
            precondition(entries[index].request == nil, "a request waits twice")
            entries[index].request = request
        } else {
            entries.insert(Entry(arrival: request.arrival, request: request), at: index)
        }
        head = min(head, index)
        count += 1
    }

    mutating func remove(_ request: Request) {
        let index = position(of: request.arrival)
        precondition(index < entries.count && entries[index].request === request, "a request does not wait")
        entries[index].request = nil
        count -= 1
        while head < entries.count && entries[head].request == nil { head += 1 }
        if entries.count > 64 && count < entries.count / 2 { sweep() }
    }

    /// The first that arrived after `previous`, or of all: for walks in the order of arrival that remove as they go.
    func next(after previous: UInt64?) -> Request? {
        var index = previous.map { position(of: $0 + 1) } ?? head
        while index < entries.count {
            if let request = entries[index].request { return request }
            index += 1
        }
        return nil
    }

    /// Everyone, in order of arrival.
    var requests: [Request] { entries[head...].compactMap(\.request) }

    private mutating func sweep() {
        entries.removeAll { $0.request == nil }
        head = 0
    }

    /// Index of the first entry whose arrival is not before this one.
    private func position(of arrival: UInt64) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].arrival < arrival { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
