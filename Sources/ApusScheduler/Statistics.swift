import ApusCore
import ApusWire

extension StageSeconds {
    /// One turn of the loop by the moments at which its parts ended; `onModel` are seconds before `computed`. What a
    /// turn waits for messages is what `receive` takes of one that may wait.
    mutating func add(
        waiting: Bool, start: Double, received: Double, scheduled: Double, computed: Double, end: Double,
        onModel: Double
    ) {
        if waiting { wait += received - start } else { receive += received - start }
        schedule += scheduled - received
        forward += onModel
        output += computed - scheduled - onModel
        reply += end - computed
    }
}

/// Totals since the start.
struct Statistics {
    var steps = 0
    var messages = 0
    /// Prompt tokens computed, and taken from the cache; rows of streams.
    var prefilledTokens = 0
    var cachedTokens = 0
    var decodedTokens = 0
    var generatedTokens = 0
    /// Of those, the ones that no step was made for: a grammar left no choice.
    var jumpedTokens = 0
    var retractions = 0
    /// Tokens whose KV was given up by retractions.
    var retractedInputTokens = 0
    var retractedOutputTokens = 0
    /// Of the last step with a prompt: the share of prompt tokens that the cache had.
    var hitRate = 0.0
    /// Seconds in steps with prompt rows.
    var prefillSeconds = 0.0
    /// See `SchedulerFigures.decodeMoments`.
    var decodeMoments = Array(repeating: 0.0, count: 6)
    var forwardSeconds = Histogram(SchedulerFigures.forwardBounds)
    var stages = StageSeconds()

    /// Counts a step that kept the model busy for so long.
    mutating func note(_ builder: BatchBuilder, seconds: Double) {
        steps += 1
        prefilledTokens += builder.prefillRows
        cachedTokens += builder.newCachedTokens
        decodedTokens += builder.decodeRows
        forwardSeconds.observe(seconds)
        if builder.prefillRows > 0 {
            prefillSeconds += seconds
            hitRate = Double(builder.newCachedTokens) / Double(builder.newCachedTokens + builder.prefillRows)
        } else {
            let (requests, microseconds) = (Double(builder.entries.count), seconds * 1e6)
            let moments = [
                1, requests, microseconds, requests * requests, requests * microseconds, Double(builder.decodeRows),
            ]
            for (index, moment) in moments.enumerated() { decodeMoments[index] += moment }
        }
    }

    /// Counts a step of a model that makes vectors.
    mutating func noteVectors(tokens: Int, seconds: Double) {
        steps += 1
        prefilledTokens += tokens
        prefillSeconds += seconds
        forwardSeconds.observe(seconds)
    }

    mutating func noteRetraction(promptTokens: Int, outputTokens: Int) {
        retractions += 1
        retractedInputTokens += promptTokens
        retractedOutputTokens += outputTokens
    }

    /// Totals for those who watch.
    func fill(_ figures: inout SchedulerFigures) {
        figures.steps = steps
        figures.prefilledTokens = prefilledTokens
        figures.cachedTokens = cachedTokens
        figures.decodedTokens = decodedTokens
        figures.generatedTokens = generatedTokens
        figures.retractions = retractions
        figures.retractedInputTokens = retractedInputTokens
        figures.retractedOutputTokens = retractedOutputTokens
        figures.hitRate = hitRate
        figures.prefillSeconds = prefillSeconds
        figures.decodeMoments = decodeMoments
        figures.forwardSeconds = forwardSeconds
        figures.stages = stages
    }
}
