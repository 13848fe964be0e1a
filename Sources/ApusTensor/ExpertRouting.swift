/// Which experts the rows of a batch visit, with which shares, and where a row's copies lie when they are grouped by
/// expert. Kept and refilled from layer to layer.
package final class ExpertRouting {
    /// Rows that were routed.
    package private(set) var rows = 0
    /// Experts that each row visits.
    package private(set) var chosen = 0
    /// [rows, chosen], the largest share first, equal shares by number.
    package internal(set) var experts: [Int32] = []
    /// [rows, chosen]
    package internal(set) var shares: [Float] = []

    /// Where each expert's rows begin among the grouped ones; one entry more than experts.
    private(set) var starts: [Int] = []
    /// The row that each grouped row is a copy of, in ascending order for each expert.
    private(set) var sources: [Int32] = []
    /// [rows, chosen]: the grouped row of each visit.
    private(set) var places: [Int32] = []
    private var next: [Int] = []

    package init() {}

    /// Copies of all rows together.
    package var groupedRows: Int { rows * chosen }

    func rows(of expert: Int) -> Range<Int> { starts[expert]..<starts[expert + 1] }

    func prepare(rows: Int, chosen: Int) {
        self.rows = rows
        self.chosen = chosen
        experts.resize(to: groupedRows, filling: 0)
        shares.resize(to: groupedRows, filling: 0)
    }

    /// Sorts the visits by expert, which is counting: experts are few.
    func group(expertCount: Int) {
        starts.removeAll(keepingCapacity: true)
        starts.resize(to: expertCount + 1, filling: 0)
        for expert in experts { starts[Int(expert) + 1] += 1 }
        for expert in 0..<expertCount { starts[expert + 1] += starts[expert] }
        next.removeAll(keepingCapacity: true)
        next.append(contentsOf: starts)
        sources.resize(to: groupedRows, filling: 0)
        places.resize(to: groupedRows, filling: 0)
        for visit in 0..<groupedRows {
            let expert = Int(experts[visit])
            sources[next[expert]] = Int32(visit / chosen)
            places[visit] = Int32(next[expert])
            next[expert] += 1
        }
    }
}

extension Array {
    /// Keeps the capacity, and what it held where there is room.
    fileprivate mutating func resize(to count: Int, filling element: Element) {
        if count < self.count {
            removeLast(self.count - count)
        } else {
            append(contentsOf: repeatElement(element, count: count - self.count))
        }
    }
}
