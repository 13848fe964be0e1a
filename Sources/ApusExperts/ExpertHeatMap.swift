/// A table of visits as a picture: a row a layer, a column an expert, darker where more tokens went.
package struct ExpertHeatMap {
    private let table: ExpertTable

    package init(_ table: ExpertTable) {
        self.table = table
    }

    private static let cell = 12
    private static let margin = (left: 64, top: 44, right: 96, bottom: 36)

    /// SVG 1.1. Shades are relative to the mean of each layer: white is no visit, the middle the mean, full colour twice
    /// the mean or more. Pointing at a cell shows its numbers.
    package var svg: String {
        let (cell, margin) = (Self.cell, Self.margin)
        let width = margin.left + max(table.expertCount * cell, 220) + margin.right
        let height = margin.top + table.layers.count * cell + margin.bottom
        var lines = [
            #"<svg xmlns="http://www.w3.org/2000/svg" width="\#(width)" height="\#(height)" "#
                + #"font-family="sans-serif" font-size="10">"#,
            #"<rect width="100%" height="100%" fill="white"/>"#,
            #"<text x="\#(margin.left)" y="16" font-size="13">Visits by layer and expert</text>"#,
            #"<text x="\#(margin.left)" y="\#(margin.top - 6)">expert</text>"#,
        ]
        let imbalances = Dictionary(uniqueKeysWithValues: table.balances.map { ($0.layer, $0.imbalance) })
        for (row, layer) in table.layers.enumerated() {
            let y = margin.top + row * cell
            let visits = layer.counts.reduce(0, +)
            lines.append(
                #"<text x="\#(margin.left - 6)" y="\#(y + cell - 2)" text-anchor="end">layer \#(layer.number)</text>"#)
            for (expert, count) in layer.counts.enumerated() {
                let share = visits == 0 ? 0 : Double(count) * Double(layer.counts.count) / Double(visits)
                let title = "<title>layer \(layer.number), expert \(expert): \(count) visits</title>"
                lines.append(
                    #"<rect x="\#(margin.left + expert * cell)" y="\#(y)" width="\#(cell - 1)" height="\#(cell - 1)" "#
                        + #"fill="\#(Self.colour(share))">\#(title)</rect>"#)
            }
            let right = margin.left + table.expertCount * cell + 6
            if let imbalance = imbalances[layer.number] {
                lines.append(#"<text x="\#(right)" y="\#(y + cell - 2)">max/mean \#(Self.decimal(imbalance))</text>"#)
            }
        }
        let bottom = height - margin.bottom + 14
        for expert in stride(from: 0, to: table.expertCount, by: 10) {
            let x = margin.left + expert * cell + cell / 2
            lines.append(#"<text x="\#(x)" y="\#(bottom)" text-anchor="middle">\#(expert)</text>"#)
        }
        return (lines + ["</svg>"]).joined(separator: "\n") + "\n"
    }

    /// - Throws: `ExpertError.unwritable`.
    package func write(to path: String) throws(ExpertError) {
        let cut = path.lastIndex(of: "/")
        var file = try OutputFile(
            directory: cut.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ".",
            name: cut.map { String(path[path.index(after: $0)...]) } ?? path)
        try file.write(svg)
        _ = try file.finish()
    }

    /// A line for each layer, and one above them.
    package var summary: String {
        func cells(_ values: [String]) -> String {
            values.map { String(repeating: " ", count: max(0, 10 - $0.count)) + $0 }.joined()
        }
        let head = cells(["layer", "visits", "busiest", "most", "max/mean", "unused"])
        let rows = table.balances.map {
            cells([
                "\($0.layer)", "\($0.visits)", "\($0.busiest)", "\($0.most)", Self.decimal($0.imbalance),
                "\($0.unused)",
            ])
        }
        return ([head] + rows).joined(separator: "\n") + "\n"
    }

    /// White, light blue at the mean, dark blue at twice the mean.
    private static func colour(_ share: Double) -> String {
        let depth = min(1, max(0, share / 2))
        func channel(_ from: Double, _ to: Double) -> String {
            let value = Int((from + (to - from) * depth).rounded())
            return (value < 16 ? "0" : "") + String(value, radix: 16)
        }
        return "#" + channel(255, 8) + channel(255, 48) + channel(255, 107)
    }

    private static func decimal(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }
}
