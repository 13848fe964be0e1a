/// Totals since the start.
struct Statistics {
    var steps = 0
    var messages = 0
    /// Prompt tokens computed, and taken from the cache.
    var prefilledTokens = 0
    var cachedTokens = 0
    var generatedTokens = 0
    var retractions = 0

    /// Counts a step.
    mutating func note(_ builder: BatchBuilder) {
        steps += 1
        prefilledTokens += builder.prefillRows
        cachedTokens += builder.newCachedTokens
    }
}
