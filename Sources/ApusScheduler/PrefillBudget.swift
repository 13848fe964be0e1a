/// How many prompt tokens join a step.
///
/// A step is one row for every running stream plus prompt rows up to this budget: streams never wait for a prompt,
/// only for the chunk in their step. While nothing streams the budget is the whole chunk. Otherwise it is what fits in
/// the stall that streams may feel: `stall` seconds, or the time of a step without prompts where that is longer, so
/// that a stream keeps at least half its pace on a slow machine. Both speeds are measured as steps go by.
struct PrefillBudget {
    /// Fewer rows than this waste the pass over the weights.
    static let leastRows = 64

    private let chunk: Int?
    private let stall: Double
    /// Prompt rows a second, and seconds of a step without prompt rows; nil: not seen yet.
    private(set) var prefillRate: Double?
    private(set) var decodeSeconds: Double?

    init(chunk: Int?, stall: Double) {
        self.chunk = chunk
        self.stall = stall
    }

    /// Prompt rows for the next step; without chunking there is no bound.
    func rows(whileDecoding: Bool) -> Int {
        guard let chunk else { return .max }
        guard whileDecoding else { return chunk }
        guard let prefillRate else { return min(chunk, 8 * Self.leastRows) }
        let fitting = prefillRate * max(stall, decodeSeconds ?? 0)
        return min(chunk, max(Self.leastRows, Int(min(fitting, 1e9))))
    }

    /// Learns from a step; figures move by a fifth of the difference.
    mutating func observe(prefillRows: Int, decodeRows: Int, seconds: Double) {
        guard seconds > 0 else { return }
        if prefillRows == 0 {
            decodeSeconds = blend(decodeSeconds, seconds)
        } else if prefillRows >= Self.leastRows {
            // The streams' share of a mixed step is not the prompt's doing; at most half, in case it was misjudged.
            let share = decodeRows > 0 ? min(decodeSeconds ?? 0, seconds / 2) : 0
            prefillRate = blend(prefillRate, Double(prefillRows) / (seconds - share))
        }
    }

    private func blend(_ old: Double?, _ new: Double) -> Double {
        guard let old else { return new }
        return old + (new - old) / 5
    }
}
