import ApusCore

/// Where the time of steps goes, by kind of operation. Off unless a `TensorRuntime` is given one.
package final class OperationProfile {
    package enum Kind: String, CaseIterable, Sendable {
        case products, head, attention, norms, positions, elementwise, sampling
    }

    /// An operation that has begun.
    struct Mark {
        let kind: Kind
        let start: Double
    }

    package private(set) var seconds: [Kind: Double] = [:]
    /// Operations within operations count as the outer one.
    private var depth = 0

    package init() {}

    package func reset() { seconds.removeAll(keepingCapacity: true) }

    /// Adds what threads noted that worked side by side, each on rows of its own: their mean.
    package func add(meanOf others: [OperationProfile]) {
        for other in others {
            for (kind, time) in other.seconds { seconds[kind, default: 0] += time / Double(others.count) }
        }
    }

    func begin(_ kind: Kind) -> Mark {
        depth += 1
        return Mark(kind: kind, start: Clocks.monotonic())
    }

    func end(_ mark: Mark) {
        depth -= 1
        if depth == 0 { seconds[mark.kind, default: 0] += Clocks.monotonic() - mark.start }
    }
}

extension TensorRuntime {
    /// Runs `body`, and notes its time when somebody wants to know.
    package func measured<Result>(
        _ kind: OperationProfile.Kind, _ body: () throws -> Result
    ) rethrows -> Result {
        guard let profile else { return try body() }
        let mark = profile.begin(kind)
        defer { profile.end(mark) }
        return try body()
    }

    /// For operations: what `finish` needs at their end.
    func start(_ kind: OperationProfile.Kind) -> OperationProfile.Mark? { profile?.begin(kind) }
    func finish(_ mark: OperationProfile.Mark?) { if let mark { profile?.end(mark) } }
}
