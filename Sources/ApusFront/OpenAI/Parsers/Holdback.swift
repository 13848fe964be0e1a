/// Text in which a marker is looked for as it comes: what may still become the marker is kept back.
struct Holdback {
    private(set) var pending = ""

    mutating func append(_ text: String) { pending += text }

    /// What stands before the first of the markers, if one is complete: it and the marker are taken.
    mutating func take(through markers: [String]) -> (before: String, marker: String)? {
        var found: (range: Range<String.Index>, marker: String)?
        for marker in markers {
            guard let range = pending.firstRange(of: marker) else { continue }
            if found.map({ range.lowerBound < $0.range.lowerBound }) ?? true { found = (range, marker) }
        }
        guard let found else { return nil }
        let before = String(pending[..<found.range.lowerBound])
        pending = String(pending[found.range.upperBound...])
        return (before, found.marker)
    }

    /// What can be no part of any marker: all but the longest end that begins one.
    mutating func takeSafe(_ markers: [String]) -> String {
        var start = pending.endIndex
        let longest = markers.map(\.utf8.count).max() ?? 0
        var index = pending.endIndex
        while index > pending.startIndex, pending.utf8.distance(from: index, to: pending.endIndex) < longest {
            index = pending.index(before: index)
            let tail = pending[index...]
            if markers.contains(where: { $0.hasPrefix(tail) }) { start = index }
        }
        defer { pending = String(pending[start...]) }
        return String(pending[..<start])
    }

    /// Takes away so many scalars.
    mutating func drop(_ count: Int) { pending = String(pending.unicodeScalars.dropFirst(count)) }

    mutating func takeAll() -> String {
        defer { pending = "" }
        return pending
    }
}
