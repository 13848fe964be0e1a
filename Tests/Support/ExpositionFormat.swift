/// A page in Prometheus' text format, read strictly: what the format allows, in the order that it wants
/// (https://prometheus.io/docs/instrumenting/exposition_formats/), and what scrapers expect of names and histograms.
package struct ExpositionFormat {
    package struct Violation: Error, CustomStringConvertible {
        package let description: String
    }

    package struct Sample: Equatable {
        package let name: String
        package let labels: [String: String]
        package let value: Double
    }

    package private(set) var kinds: [String: String] = [:]
    package private(set) var samples: [Sample] = []

    /// Throws `Violation` at the first line that is wrong.
    package init(parsing text: String) throws {
        guard text.isEmpty || text.hasSuffix("\n") else { throw Violation(description: "the last line has no end") }
        var current: String?
        var helped: Set<String> = []
        var seen: Set<String> = []
        for line in text.split(separator: "\n") {
            func fail(_ reason: String) -> Violation { Violation(description: "\(reason): \(line)") }
            if line.hasPrefix("# HELP ") {
                let words = line.split(separator: " ", maxSplits: 3)
                guard words.count == 4, Self.isName(words[2], colons: true) else { throw fail("bad HELP") }
                guard helped.insert(String(words[2])).inserted else { throw fail("a second HELP") }
                current = String(words[2])
            } else if line.hasPrefix("# TYPE ") {
                let words = line.split(separator: " ")
                guard words.count == 4, ["counter", "gauge", "histogram"].contains(words[3]) else {
                    throw fail("bad TYPE")
                }
                guard current == String(words[2]) else { throw fail("no HELP before it") }
                guard kinds.updateValue(String(words[3]), forKey: String(words[2])) == nil else {
                    throw fail("a second TYPE")
                }
                guard words[3] != "counter" || words[2].hasSuffix("_total") else { throw fail("a counter's name") }
            } else {
                guard !line.hasPrefix("#") else { throw fail("a comment") }
                let sample = try Self.sample(line)
                guard let family = current, let kind = kinds[family] else { throw fail("no TYPE before it") }
                let names = kind == "histogram" ? ["_bucket", "_sum", "_count"].map { family + $0 } : [family]
                guard names.contains(sample.name) else { throw fail("not of the family \(family)") }
                let key = "\(sample.name) \(sample.labels.sorted { $0.key < $1.key })"
                guard seen.insert(key).inserted else { throw fail("a sample twice") }
                guard kind == "gauge" || sample.value >= 0 else { throw fail("a negative \(kind)") }
                samples.append(sample)
            }
        }
        for (name, kind) in kinds {
            guard samples.contains(where: { $0.name.hasPrefix(name) }) else {
                throw Violation(description: "\(name) has no samples")
            }
            if kind == "histogram" { try checkHistogram(name) }
        }
    }

    /// The one sample of `name` with at least these labels; nil if there is none or are several.
    package func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        let found = all(name, labels)
        return found.count == 1 ? found[0].value : nil
    }

    /// Of all samples of `name` with at least these labels.
    package func sum(_ name: String, _ labels: [String: String] = [:]) -> Double {
        all(name, labels).reduce(0) { $0 + $1.value }
    }

    package func all(_ name: String, _ labels: [String: String] = [:]) -> [Sample] {
        samples.filter { sample in sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value } }
    }

    // MARK: - Histograms

    private func checkHistogram(_ name: String) throws {
        let groups = Dictionary(grouping: samples.filter { $0.name == "\(name)_bucket" }) { sample in
            sample.labels.filter { $0.key != "le" }
        }
        for (labels, buckets) in groups {
            func fail(_ reason: String) -> Violation { Violation(description: "\(name)\(labels): \(reason)") }
            let edges = buckets.compactMap { $0.labels["le"] }.map { $0 == "+Inf" ? .infinity : Double($0) ?? .nan }
            guard edges.count == buckets.count, zip(edges, edges.dropFirst()).allSatisfy({ $0 < $1 }) else {
                throw fail("edges do not rise")
            }
            guard edges.last == .infinity else { throw fail("no bucket without an edge") }
            guard zip(buckets, buckets.dropFirst()).allSatisfy({ $0.value <= $1.value }) else {
                throw fail("buckets fall")
            }
            let counts = all("\(name)_count", labels).filter { $0.labels.count == labels.count }
            guard counts.count == 1, counts[0].value == buckets.last?.value else { throw fail("the count is another") }
            guard all("\(name)_sum", labels).contains(where: { $0.labels.count == labels.count }) else {
                throw fail("no sum")
            }
        }
    }

    // MARK: - Lines

    private static func isName(_ text: Substring, colons: Bool) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            case UInt8(ascii: ":"): colons
            default: false
            }
        }
    }

    private static func sample(_ line: Substring) throws -> Sample {
        func fail(_ reason: String) -> Violation { Violation(description: "\(reason): \(line)") }
        var rest = line
        let name = rest.prefix { $0 != "{" && $0 != " " }
        guard isName(name, colons: true) else { throw fail("bad name") }
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while rest.first != "}" {
                let label = rest.prefix { $0 != "=" }
                guard isName(label, colons: false) else { throw fail("bad label") }
                rest = rest.dropFirst(label.count)
                guard rest.hasPrefix("=\"") else { throw fail("a label without a value") }
                rest = rest.dropFirst(2)
                var value = ""
                while let next = rest.popFirst(), next != "\"" {
                    guard next == "\\" else {
                        value.append(next)
                        continue
                    }
                    switch rest.popFirst() {
                    case "n"?: value.append("\n")
                    case "\\"?: value.append("\\")
                    case "\""?: value.append("\"")
                    default: throw fail("bad escape")
                    }
                }
                guard labels.updateValue(value, forKey: String(label)) == nil else { throw fail("a label twice") }
                if rest.first == "," { rest = rest.dropFirst() } else if rest.first != "}" { throw fail("bad labels") }
            }
            rest = rest.dropFirst()
        }
        guard rest.first == " ", !rest.dropFirst().contains(" ") else { throw fail("no value") }
        let text = rest.dropFirst()
        guard let value = text == "+Inf" ? .infinity : Double(text) else { throw fail("bad value") }
        return Sample(name: String(name), labels: labels, value: value)
    }
}
