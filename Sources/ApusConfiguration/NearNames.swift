/// Finds the names that a misspelt one may have meant.
enum NearNames {
    /// The best few of `names` for `name`, best first; empty when none is near.
    static func suggestions(for name: String, among names: [String], limit: Int = 3) -> [String] {
        let tolerance = max(1, name.count / 3)
        let ranked = names.map { (name: $0, distance: distance(name, $0)) }
            .sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }
        let near =
            if let best = ranked.first, best.distance <= tolerance {
                ranked.filter { $0.distance == best.distance }
            } else {
                ranked.filter { name.count >= 4 && $0.name.contains(name) }
            }
        return near.prefix(limit).map(\.name)
    }

    /// Restricted Damerau-Levenshtein distance: insertions, deletions, replacements and swaps of neighbours.
    static func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a.utf8)
        let b = Array(b.utf8)
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            row.reserveCapacity(b.count + 1)
            for j in b.indices {
                var best = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, beforeLast[j - 1] + 1) }
                row.append(best)
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }
}
