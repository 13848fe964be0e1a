/// Neighbouring texts that one thread takes through all layers, so that their activations stay in its own caches.
///
/// With rows cut among threads anew in each operation, what one core has written is read by the other in the next.
struct TextGroups {
    /// Indices of texts, in order.
    let groups: [Range<Int>]

    /// Rows that a group should have: the wider activations of as many fit the second-level cache in part, and weights
    /// are read from end to end once for each group.
    static let idealRows = 192
    /// With fewer rows a thread would wait for weights: better to read each weight once and share the columns.
    static let leastRows = 48

    /// nil when threads are better employed side by side on all texts: with few rows, or texts of very unequal lengths.
    ///
    /// - Parameter texts: Rows of the texts, without gaps.
    init?(_ texts: [Range<Int>], threads: Int) {
        guard threads > 1, let first = texts.first, let last = texts.last else { return nil }
        let rows = last.upperBound - first.lowerBound
        guard rows >= threads * Self.leastRows else { return nil }
        let wanted = threads * max(1, (rows + threads * Self.idealRows - 1) / (threads * Self.idealRows))
        var groups: [Range<Int>] = []
        var begin = 0
        for index in texts.indices {
            // The border nearest to where it should be.
            let border = first.lowerBound + rows * (groups.count + 1) / wanted
            let middle = (texts[index].lowerBound + texts[index].upperBound) / 2
            if index > begin, middle >= border {
                groups.append(begin..<index)
                begin = index
            }
        }
        groups.append(begin..<texts.count)
        self.groups = groups
        // Threads take the next group when they are done with one.
        var loads = Array(repeating: 0, count: threads)
        for group in groups {
            guard let lightest = loads.indices.min(by: { loads[$0] < loads[$1] }) else { return nil }
            loads[lightest] += texts[group.upperBound - 1].upperBound - texts[group.lowerBound].lowerBound
        }
        guard let most = loads.max(), most * threads * 8 <= rows * 9 else { return nil }
    }
}
