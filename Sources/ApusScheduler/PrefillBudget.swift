/// How many prompt tokens join a step.
///
/// A step is one row for every running stream plus prompt rows up to this budget: streams never wait for a prompt,
/// only for the chunk in their step. The budget is the chunk size, or less where the machine is slow:
/// - while streams run, what fits in the stall that they may feel: `stall` seconds, or the time of a step without
///   prompts where that is longer, so that a stream keeps at least half its pace;
/// - otherwise what fits in `longest` seconds, since aborts and new requests wait for the end of a step.
/// - right after other weights came into service, when all prompts are cold at once: what keeps a step within two passes,
///   about, since no stream is to notice a swap; next to nothing while a step makes a pass for each of two generations.
/// Both speeds are measured as steps go by.
struct PrefillBudget {
    /// Fewer rows than this waste the pass over the weights.
    static let leastRows = 64
    /// So many cost a pass over the weights next to nothing.
    static let freeRows = 8
    /// Of so many a first guess at the speed can be made.
    private static let tellingRows = 16

    private let chunk: Int?
    private let stall: Double
    private let longest: Double
    /// Prompt rows a second, and seconds of a pass without prompt rows; nil: not seen yet.
    private(set) var prefillRate: Double?
    private(set) var decodeSeconds: Double?

    init(chunk: Int?, stall: Double, longest: Double) {
        self.chunk = chunk
        self.stall = stall
        self.longest = longest
    }

    /// Prompt rows for the next step; without chunking there is no bound.
    ///
    /// - Parameter unsettled: Generations of weights that are resident when others have just come into service; nil: the
    ///   weights have been the same for a while.
    func rows(whileDecoding: Bool, unsettled: Int? = nil) -> Int {
        guard let chunk else { return .max }
        if whileDecoding, let unsettled {
            // Two passes are two steps already: only what is free beside a stream or some.
            if unsettled > 1 { return min(chunk, Self.freeRows / 2) }
            return min(chunk, max(Self.freeRows, Int(min((prefillRate ?? 0) * (decodeSeconds ?? 0), 1e9))))
        }
        guard let prefillRate else { return min(chunk, (whileDecoding ? 2 : 16) * Self.leastRows) }
        let seconds = whileDecoding ? max(stall, decodeSeconds ?? 0) : longest
        return min(chunk, max(Self.leastRows, Int(min(prefillRate * seconds, 1e9))))
    }

    /// Learns from a step of so many passes over weights; figures move by a fifth of the difference.
    mutating func observe(prefillRows: Int, decodeRows: Int, passes: Int = 1, seconds: Double) {
        guard seconds > 0 else { return }
        if prefillRows == 0 {
            decodeSeconds = blend(decodeSeconds, seconds / Double(passes))
        } else if passes == 1, prefillRows >= (prefillRate == nil ? Self.tellingRows : Self.leastRows) {
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
