/// The share of their `max_new_tokens` that running requests are expected to use: high at first and after a
/// retraction, then lower with each step that went well.
struct NewTokenRatio {
    private(set) var value: Double
    private let initial: Double
    private let minimum: Double
    private let decay: Double
    private let retractDecodeSteps: Int

    init(_ configuration: SchedulerConfiguration) {
        initial = min(configuration.initialNewTokenRatio * configuration.conservativeness, 1)
        minimum = min(initial * configuration.minimumNewTokenRatioFactor, 1)
        decay = (initial - minimum) / Double(max(configuration.newTokenRatioDecaySteps, 1))
        retractDecodeSteps = configuration.retractDecodeSteps
        value = initial
    }

    /// After a decode step.
    mutating func step() {
        value = max(value - decay, minimum)
    }

    /// Nothing runs: what was learnt no longer holds.
    mutating func reset() {
        value = initial
    }

    /// After a retraction that left `count` requests with these sums.
    mutating func retracted(generated: Int, maxNewTokens: Int, count: Int) {
        value = min(1, Double(generated + retractDecodeSteps * count) / Double(maxNewTokens + 1))
    }
}
