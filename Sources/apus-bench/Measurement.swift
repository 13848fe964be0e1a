/// What one request came to; times in seconds from when it was due.
struct Measurement: Sendable {
    var start: Double
    var end = 0.0
    /// Time to the first token; 0 for requests without tokens.
    var firstToken = 0.0
    /// Times between later pieces of the answer, each divided over the tokens that the piece brought.
    var gaps: [Double] = []
    var promptTokens = 0
    var cachedTokens = 0
    var outputTokens = 0
    /// nil: the protocol does not tell.
    var outputIDs: [Int]?
    /// The same, where conversations are told as texts.
    var outputText: String?
    var failure: String?

    var latency: Double { end - start }

    /// Time per output token after the first.
    var timePerToken: Double? {
        outputTokens > 1 && firstToken > 0 ? (latency - firstToken) / Double(outputTokens - 1) : nil
    }
}

/// Percentiles of a sample.
struct Summary: Sendable {
    let mean: Double
    private let sorted: [Double]

    init(_ values: [Double]) {
        sorted = values.sorted()
        mean = values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
    }

    /// The smallest value that at least `share` of the sample does not pass (nearest rank).
    func percentile(_ share: Double) -> Double {
        guard !sorted.isEmpty else { return 0 }
        let rank = Int((share * Double(sorted.count)).rounded(.up))
        return sorted[min(max(rank, 1), sorted.count) - 1]
    }

    var isEmpty: Bool { sorted.isEmpty }
    var maximum: Double { sorted.last ?? 0 }
}
