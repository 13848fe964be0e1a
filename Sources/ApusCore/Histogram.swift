/// How often values of which size were measured.
package struct Histogram: Sendable, Equatable {
    /// Upper edges of the buckets, rising; a last bucket without an edge follows them.
    package let bounds: [Double]
    /// [bounds.count + 1] values of each bucket alone.
    package private(set) var counts: [Int]
    package private(set) var sum = 0.0

    package init(_ bounds: [Double]) {
        precondition(Self.areRising(bounds))
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// One that was kept elsewhere; nil if it cannot be one.
    package init?(bounds: [Double], counts: [Int], sum: Double) {
        guard Self.areRising(bounds), counts.count == bounds.count + 1, counts.allSatisfy({ $0 >= 0 }) else {
            return nil
        }
        self.bounds = bounds
        self.counts = counts
        self.sum = sum
    }

    package var count: Int { counts.reduce(0, +) }

    /// Enters `value`, `times` times.
    package mutating func observe(_ value: Double, times: Int = 1) {
        counts[bucket(of: value)] += times
        sum += value * Double(times)
    }

    /// The first bucket whose edge is not below.
    private func bucket(of value: Double) -> Int {
        var low = 0
        var high = bounds.count
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func areRising(_ bounds: [Double]) -> Bool {
        zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 } && bounds.allSatisfy(\.isFinite)
    }
}
