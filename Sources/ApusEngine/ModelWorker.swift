import ApusCore
package import ApusExperts

/// The border between scheduling and arithmetic: rows of tokens in, one sampled token a sequence out.
///
/// A worker is used by one thread. It owns the weights and the KV pool; the caller owns the slots' accounting.
/// The tokens that come out do not depend on the other sequences of a batch, on how a prompt was cut into chunks,
/// nor on whether its prefix was computed by this request.
package protocol ModelWorker: WeightHolder {
    /// Number of token slots in the KV pool, numbered from 0.
    var slotCount: Int { get }
    /// Longest sequence, in tokens, that the model can hold.
    var contextLength: Int { get }
    var vocabularySize: Int { get }
    /// Numbers of a hidden state.
    var hiddenSize: Int { get }
    /// Tokens that end a sequence (config.json and generation_config.json).
    var endTokenIDs: [Int32] { get }

    /// Runs one step and fills `result` with one entry for each sequence of `batch`, in order.
    ///
    /// Throws when memory for activations cannot be had; the KV of the batch's rows is then undefined.
    func forward(_ batch: ForwardBatch, result: inout ForwardResult) throws

    /// Gives the pool's memory back to the system, and with it all keys and values.
    func discardCache()

    /// The experts that tokens may visit.
    var expertShape: ExpertShape { get }
    /// Tells a recorder of every visit from now on.
    func record(experts recorder: ExpertRecorder)
}

extension ModelWorker {
    package var expertShape: ExpertShape { .dense }
    package func record(experts recorder: ExpertRecorder) {}
}

/// One step's rows, sequence after sequence. Kept and refilled by the caller so that a step allocates nothing.
package struct ForwardBatch {
    /// [rows] token ids.
    package var tokens: [Int32] = []
    /// The sequences that the rows belong to, in row order.
    package var sequences: [ForwardSequence] = []

    package init() {}

    /// Rows are counted by `tokens`.
    package mutating func removeAll() {
        tokens.removeAll(keepingCapacity: true)
        sequences.removeAll(keepingCapacity: true)
    }
}

/// The rows of one sequence in a step: `rowCount` tokens at positions `position ..< position + rowCount`.
package struct ForwardSequence {
    package var rowStart: Int
    package var rowCount: Int
    /// Position of the first row; slots `0 ..< position` already hold this sequence's KV.
    package var position: Int
    /// Slots of positions `0 ..< position + rowCount`; the worker writes KV for the rows' own positions.
    package var slots: SlotTable
    /// A token is wanted after the last row; false for a chunk that does not reach the end of the prompt.
    package var samples: Bool
    /// Which of the worker's weights compute it.
    package var generation: Int
    /// Choice of the token, and what it remembers of the output so far.
    package var sampler: SequenceSampler
    /// Rows, counted from `rowStart`, whose *next* token's prompt log probability is wanted; empty: none.
    package var promptLogprobRows: Range<Int>
    /// The prompt tokens that follow those rows (`promptLogprobRows.count` of them).
    package var promptLogprobTargets: ArraySlice<Int32>
    /// Rows, counted from `rowStart`, whose hidden states are wanted; empty: none.
    package var hiddenRows: Range<Int>
    /// What the first rows begin with instead of their tokens' vectors, `hiddenSize` numbers a row; empty: nothing.
    package var embeddings: ArraySlice<Float>
    /// The rows go on from generated tokens: the last of these, or several after a jump of a grammar.
    package var decodes: Bool

    package init(
        rowStart: Int, rowCount: Int, position: Int, slots: SlotTable, samples: Bool, sampler: SequenceSampler,
        promptLogprobRows: Range<Int> = 0..<0, promptLogprobTargets: ArraySlice<Int32> = [],
        hiddenRows: Range<Int> = 0..<0, embeddings: ArraySlice<Float> = [],
        generation: Int = 0, decodes: Bool = false
    ) {
        self.rowStart = rowStart
        self.rowCount = rowCount
        self.position = position
        self.slots = slots
        self.samples = samples
        self.generation = generation
        self.sampler = sampler
        self.promptLogprobRows = promptLogprobRows
        self.promptLogprobTargets = promptLogprobTargets
        self.hiddenRows = hiddenRows
        self.embeddings = embeddings
        self.decodes = decodes
    }
}

/// What one step made.
package struct ForwardResult {
    /// One entry a sequence of the batch, in order.
    package var outputs: [SequenceOutput] = []

    package init() {}
}

package struct SequenceOutput {
    /// The chosen token; nil when none was wanted. -1: the logits held NaN.
    package var token: Int32?
    /// Log probabilities at the chosen token, when the sampler was asked for them.
    package var logprobs: PositionLogprobs?
    /// One entry for each of `promptLogprobRows`.
    package var promptLogprobs: [PositionLogprobs]
    /// The hidden state of each of `hiddenRows`, after the last norm.
    package var hidden: [[Float]] = []

    package init(token: Int32?, logprobs: PositionLogprobs? = nil, promptLogprobs: [PositionLogprobs] = []) {
        self.token = token
        self.logprobs = logprobs
        self.promptLogprobs = promptLogprobs
    }
}

/// Log probabilities at one position.
package struct PositionLogprobs: Sendable, Equatable {
    package var logprob: Float
    /// Best alternatives, best first.
    package var top: [(token: Int32, logprob: Float)]
    /// Values of the tokens asked for, in the order asked.
    package var chosen: [(token: Int32, logprob: Float)]

    package init(
        logprob: Float, top: [(token: Int32, logprob: Float)] = [], chosen: [(token: Int32, logprob: Float)] = []
    ) {
        self.logprob = logprob
        self.top = top
        self.chosen = chosen
    }

    package static func == (a: PositionLogprobs, b: PositionLogprobs) -> Bool {
        a.logprob == b.logprob && a.top.elementsEqual(b.top, by: ==) && a.chosen.elementsEqual(b.chosen, by: ==)
    }
}
