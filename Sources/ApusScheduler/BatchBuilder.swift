import ApusEngine

/// The rows of one step and whose they are. Refilled for each step, in the same memory.
struct BatchBuilder {
    struct Entry {
        let request: Request
        let rowCount: Int
        /// The rows end with the sequence's last token, so that the next one follows.
        let isComplete: Bool
    }

    private(set) var batch = ForwardBatch()
    private(set) var entries: [Entry] = []
    private(set) var decodeRows = 0
    private(set) var prefillRows = 0
    /// Requests whose prompts began in this step, and their tokens from the cache.
    private(set) var newRequests = 0
    private(set) var newCachedTokens = 0

    var isEmpty: Bool { entries.isEmpty }

    /// Generations of weights that the step runs on: a pass over the weights for each.
    var generationCount: Int {
        guard let first = entries.first?.request.generation else { return 0 }
        if entries.allSatisfy({ $0.request.generation == first }) { return 1 }
        return Set(entries.lazy.map(\.request.generation)).count
    }

    mutating func removeAll() {
        clearRows()
        entries.removeAll(keepingCapacity: true)
        decodeRows = 0
        prefillRows = 0
        newRequests = 0
        newCachedTokens = 0
    }

    /// Lets go of what the rows refer to, so that appending to a request's tokens copies nothing.
    mutating func clearRows() {
        batch.removeAll()
    }

    /// The next `rowCount` tokens of a request whose table has room for them.
    mutating func append(_ request: Request, rowCount: Int) {
        guard let table = request.table else { preconditionFailure("a request without memory cannot run") }
        let end = request.computed + rowCount
        precondition(rowCount > 0 && end <= request.tokens.count && end <= table.count)
        let isComplete = end == request.tokens.count
        let logprobRows = request.promptLogprobRows(count: rowCount)
        batch.sequences.append(
            ForwardSequence(
                rowStart: batch.tokens.count, rowCount: rowCount, position: request.computed, slots: table,
                samples: isComplete && request.maxNewTokens > 0, sampler: request.sampler,
                promptLogprobRows: logprobRows, promptLogprobTargets: request.promptLogprobTargets(logprobRows),
                hiddenRows: request.hiddenRows(count: rowCount, isComplete: isComplete),
                embeddings: request.embeddings(count: rowCount),
                generation: request.generation, decodes: request.phase == .decoding))
        batch.tokens.append(contentsOf: request.tokens[request.computed..<end])
        entries.append(Entry(request: request, rowCount: rowCount, isComplete: isComplete))
        if request.phase == .decoding { decodeRows += rowCount } else { prefillRows += rowCount }
    }

    mutating func noteAdmission(cachedTokens: Int) {
        newRequests += 1
        newCachedTokens += cachedTokens
    }
}
