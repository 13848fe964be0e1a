/// What `/metrics` is asked for at launch.
package struct MetricsOptions: Sendable {
    /// Labels of every sample.
    package var labels: [(name: String, value: String)] = []
    package var firstTokenBounds = Self.latencies
    package var endToEndBounds = Self.latencies + [600, 1200, 1800, 2400]
    package var interTokenBounds = Self.intervals
    package var promptBounds = Self.tokens
    package var generationBounds = Self.tokens

    package init() {}

    private static let latencies: [Double] = [
        0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, 200, 400,
    ]
    static let intervals: [Double] = [
        0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.06, 0.08, 0.1, 0.2, 0.4, 0.6, 0.8,
        1, 2, 4, 6, 8,
    ]
    static let stages: [Double] = [
        0.0001, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000,
    ]
    private static let tokens: [Double] = [
        [100, 300, 500, 700, 1000, 1500, 2000], Array(stride(from: 3000, through: 10_000, by: 1000)),
        Array(stride(from: 12_500, through: 30_000, by: 2500)),
        [
            35_000, 40_000, 60_000, 80_000, 100_000, 200_000, 300_000, 400_000, 600_000, 800_000, 1_000_000,
            1_100_000,
        ],
    ].flatMap(\.self)

    // MARK: - Flags

    /// The labels of `--extra-metric-labels`; nil if a name cannot be a label's.
    package mutating func add(label name: String, _ value: String) -> Bool {
        let isName = name.utf8.enumerated().allSatisfy { index, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): index > 0
            default: false
            }
        }
        guard isName, !name.isEmpty, !Self.reserved.contains(name), !name.hasPrefix("__") else { return false }
        labels.append((name, value))
        return true
    }

    /// Labels that samples have anyway.
    private static let reserved: Set<String> = [
        "model_name", "engine_type", "tp_rank", "pp_rank", "moe_ep_rank", "dp_rank", "priority", "le", "is_streaming",
        "cache_source",
        "endpoint", "method", "status_code", "component", "role", "queue", "stage", "mode", "source", "outcome",
    ]

    /// Edges as words: rising numbers; nil if they are none.
    package static func bounds(_ words: [String]) -> [Double]? {
        let numbers = words.compactMap { Double($0) }
        guard numbers.count == words.count, !numbers.isEmpty, numbers.allSatisfy(\.isFinite),
            zip(numbers, numbers.dropFirst()).allSatisfy({ $0 < $1 })
        else { return nil }
        return numbers
    }

    /// Edges by rule, as the reference has them: `default`, `custom` and numbers in any order, or `tse` with a middle, a
    /// base and a count: edges on both sides of the middle, whose distance grows by powers of the base.
    package static func bounds(byRule words: [String]) -> [Double]? {
        guard let rule = words.first else { return nil }
        let numbers = words.dropFirst().compactMap { Double($0) }.filter(\.isFinite)
        guard numbers.count == words.count - 1 else { return nil }
        switch rule {
        case "default": return numbers.isEmpty ? tokens : nil
        case "custom": return numbers.isEmpty ? nil : Set(numbers).sorted()
        case "tse":
            guard numbers.count == 3, numbers[1] > 1, (1...100).contains(numbers[2]) else { return nil }
            var edges: Set<Double> = [numbers[0]]
            var distance = 1.0
            for _ in 0..<Int((numbers[2] / 2).rounded(.up)) {
                distance *= numbers[1]
                edges.insert(numbers[0] + distance)
                edges.insert(max(0, numbers[0] - distance))
            }
            return edges.sorted()
        default: return nil
        }
    }
}
