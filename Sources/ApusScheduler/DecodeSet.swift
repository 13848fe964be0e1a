/// The requests that make one token a step, in the order in which they joined.
struct DecodeSet {
    private(set) var requests: [Request] = []

    var count: Int { requests.count }
    var isEmpty: Bool { requests.isEmpty }

    mutating func join(_ request: Request) {
        precondition(request.phase == .decoding)
        requests.append(request)
    }

    /// Drops those that finished or were retracted.
    mutating func sweep() {
        requests.removeAll { $0.phase != .decoding }
    }

    /// Tokens in their sequences, for the log.
    var tokenCount: Int { requests.reduce(0) { $0 + $1.computed } }
}
