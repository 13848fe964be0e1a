/// A set of code points as sorted, disjoint, non-adjacent ranges: the form in which sets are combined.
package struct CodePointRanges: Hashable, Sendable {
    package private(set) var ranges: [Range<UInt32>]

    package static let end: UInt32 = 0x110000
    package static let all = CodePointRanges([0..<end])

    /// Any ranges, in any order.
    package init(_ unordered: [Range<UInt32>]) {
        ranges = []
        for range in unordered.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
            if let last = ranges.last, range.lowerBound <= last.upperBound {
                ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                ranges.append(range)
            }
        }
    }

    package init(_ scalars: [Unicode.Scalar]) {
        self.init(scalars.map { $0.value..<$0.value + 1 })
    }

    /// A set that grows part by part; its ranges are put in order now and then.
    struct Collector {
        private var ranges: [Range<UInt32>] = []
        private var orderedCount = 0

        mutating func add(_ set: CodePointRanges) {
            ranges += set.ranges
            guard ranges.count > 2 * orderedCount + 1_024 else { return }
            ranges = CodePointRanges(ranges).ranges
            orderedCount = ranges.count
        }

        var set: CodePointRanges { CodePointRanges(ranges) }
    }

    package func union(_ other: CodePointRanges) -> CodePointRanges {
        CodePointRanges(ranges + other.ranges)
    }

    package var complement: CodePointRanges {
        var gaps: [Range<UInt32>] = []
        var start: UInt32 = 0
        for range in ranges {
            gaps.append(start..<range.lowerBound)
            start = range.upperBound
        }
        gaps.append(start..<Self.end)
        return CodePointRanges(gaps)
    }

    package func intersection(_ other: CodePointRanges) -> CodePointRanges {
        complement.union(other.complement).complement
    }

    package func subtracting(_ other: CodePointRanges) -> CodePointRanges {
        complement.union(other).complement
    }

    package var isEmpty: Bool { ranges.isEmpty }

    package func contains(_ code: UInt32) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound <= code { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(code)
    }

    /// The only member, if there is just one.
    package var single: UInt32? {
        ranges.count == 1 && ranges[0].count == 1 ? ranges[0].lowerBound : nil
    }
}
