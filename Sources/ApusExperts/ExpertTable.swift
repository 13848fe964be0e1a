#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Visits by layer and expert, as the CSV files have them: `layer_id,expert_id,count`, rows without visits left out.
package struct ExpertTable: Sendable, Hashable {
    static let header = "layer_id,expert_id,count"

    /// By layer, then by expert; layers without visits are not there.
    package let layers: [(number: Int, counts: [Int])]
    /// Experts of each layer.
    package let expertCount: Int

    init(_ record: ExpertRecord) {
        let count = record.shape.expertCount
        expertCount = count
        layers = (0..<record.shape.layerCount).compactMap { layer in
            let counts = Array(record.counts[layer * count..<(layer + 1) * count])
            return counts.contains { $0 > 0 } ? (layer, counts) : nil
        }
    }

    /// - Parameter expertCount: Experts of a layer; nil: as many as the highest number says, since those that nobody
    ///   visited are not in the file.
    package init(path: String, expertCount: Int? = nil) throws(ExpertError) {
        try self.init(path: path, text: Self.contents(path), expertCount: expertCount)
    }

    init(path: String, text: String, expertCount wanted: Int? = nil) throws(ExpertError) {
        // Wide enough for any model; a wrong file must not ask for gigabytes.
        let limit = 1 << 16
        var rows: [Int: [(expert: Int, count: Int)]] = [:]
        var highest = -1
        for (index, line) in text.split(whereSeparator: \.isNewline).enumerated() {
            func malformed(_ reason: String) -> ExpertError {
                .malformed(path: path, line: index + 1, reason: reason)
            }
            if index == 0 {
                guard line == Self.header else { throw malformed("expected \(Self.header)") }
                continue
            }
            let fields = line.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
            guard fields.count == 3, let layer = fields[0], let expert = fields[1], let count = fields[2],
                (0..<limit).contains(layer), (0..<limit).contains(expert), (0...Int.max / limit).contains(count)
            else { throw malformed("expected three numbers, got \(line)") }
            guard expert < wanted ?? limit else { throw malformed("expert \(expert) of \(wanted ?? limit)") }
            rows[layer, default: []].append((expert, count))
            highest = max(highest, expert)
        }
        let total = wanted ?? highest + 1
        expertCount = total
        layers = rows.sorted { $0.key < $1.key }.map { layer, rows in
            var counts = [Int](repeating: 0, count: total)
            for row in rows { counts[row.expert] += row.count }
            return (layer, counts)
        }
    }

    package var text: String {
        var lines = [Self.header]
        for layer in layers {
            for (expert, count) in layer.counts.enumerated() where count > 0 {
                lines.append("\(layer.number),\(expert),\(count)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    package static func == (a: Self, b: Self) -> Bool {
        a.expertCount == b.expertCount && a.layers.elementsEqual(b.layers) { $0 == $1 }
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(text) }

    private static func contents(_ path: String) throws(ExpertError) -> String {
        guard let stream = fopen(path, "rb") else {
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
        defer { fclose(stream) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&block, 1, block.count, stream)
            guard count > 0 else { break }
            bytes += block[..<count]
        }
        guard ferror(stream) == 0 else { throw .unreadable(path: path, reason: String(cString: strerror(errno))) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension ExpertTable {
    /// How evenly a layer's visits are spread.
    package struct Balance: Sendable, Hashable {
        package let layer: Int
        package let visits: Int
        /// The expert with the most visits, and how many.
        package let busiest: Int
        package let most: Int
        /// Experts that nobody visited.
        package let unused: Int
        /// The busiest expert's visits by the mean: 1 is even; with one expert a machine, how much longer a step takes.
        package let imbalance: Double
    }

    package var balances: [Balance] {
        layers.compactMap { layer in
            let visits = layer.counts.reduce(0, +)
            guard visits > 0, let most = layer.counts.max(), let busiest = layer.counts.firstIndex(of: most) else {
                return nil
            }
            return Balance(
                layer: layer.number, visits: visits, busiest: busiest, most: most,
                unused: layer.counts.count { $0 == 0 },
                imbalance: Double(most) * Double(layer.counts.count) / Double(visits))
        }
    }
}
