package import ApusCore

/// A page of metrics in Prometheus' text format, version 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/).
///
/// A family without samples is left out. Values are given by the caller, who keeps them: this only writes.
package struct MetricsPage: Sendable {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package typealias Labels = [(name: String, value: String)]

    /// One value of a family.
    package struct Sample: Sendable {
        let labels: Labels
        let value: Double

        package init(_ value: Double, _ labels: Labels = []) {
            self.labels = labels
            self.value = value
        }

        package init(_ value: Int, _ labels: Labels = []) { self.init(Double(value), labels) }
    }

    private var bytes: [UInt8] = []
    private var names: Set<String> = []
    /// Come first in every sample.
    private let common: Labels

    package init(labels common: Labels = []) {
        self.common = common
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package mutating func gauge(_ name: String, _ help: String, _ samples: [Sample]) {
        family(name, "gauge", help, samples)
    }

    package mutating func gauge(_ name: String, _ help: String, _ value: Int, _ labels: Labels = []) {
        gauge(name, help, [Sample(value, labels)])
    }

    package mutating func gauge(_ name: String, _ help: String, _ value: Double, _ labels: Labels = []) {
        gauge(name, help, [Sample(value, labels)])
    }

    /// `name` ends with `_total`.
    package mutating func counter(_ name: String, _ help: String, _ samples: [Sample]) {
        precondition(name.hasSuffix("_total"), "\(name) is no name of a counter")
        family(name, "counter", help, samples)
    }

    /// Histograms without values are left out.
    package mutating func histogram(_ name: String, _ help: String, _ samples: [(Histogram, Labels)]) {
        let samples = samples.filter { $0.0.count > 0 }
        guard !samples.isEmpty else { return }
        head(name, "histogram", help)
        for (histogram, labels) in samples {
            var sum = 0
            for (index, count) in histogram.counts.enumerated() {
                sum += count
                let edge = index < histogram.bounds.count ? "\(histogram.bounds[index])" : "+Inf"
                line("\(name)_bucket", labels + [("le", edge)], Double(sum))
            }
            line("\(name)_sum", labels, histogram.sum)
            line("\(name)_count", labels, Double(sum))
        }
    }

    private mutating func family(_ name: String, _ kind: String, _ help: String, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        head(name, kind, help)
        for sample in samples { line(name, sample.labels, sample.value) }
    }

    private mutating func head(_ name: String, _ kind: String, _ help: String) {
        precondition(names.insert(name).inserted, "\(name) is written twice")
        let help = help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        bytes += Array("# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n".utf8)
    }

    private mutating func line(_ name: String, _ labels: Labels, _ value: Double) {
        bytes += Array(name.utf8)
        let all = common + labels
        if !all.isEmpty {
            let pairs = all.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }
            bytes += Array("{\(pairs.joined(separator: ","))}".utf8)
        }
        bytes += Array(" \(Self.number(value))\n".utf8)
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    /// As Go's ParseFloat reads it.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return "\(value)"
    }
}
