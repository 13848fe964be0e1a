/// What was recorded between a start and a dump.
package struct ExpertRecord: Sendable {
    package let shape: ExpertShape
    package let mode: ExpertRecorder.Mode
    /// [layers, experts]: visits since the start, all of them.
    package let counts: [Int]
    /// The last passes, oldest first.
    package let passes: [ExpertPass]
}

/// One pass of some rows through the model.
package struct ExpertPass: Sendable, Hashable {
    /// What its rows were, with the reference's numbers.
    package enum Kind: Int, Sendable {
        /// Prompts.
        case extend = 1
        /// One row of each running stream.
        case decode = 2
        case mixed = 3
    }

    /// Counted from 1 since the server began.
    package let number: Int
    package let kind: Kind
    /// [layers, experts]: visits.
    package var counts: [Int32]
    /// Token ids and positions of the rows, and rows of each sequence; `perToken` only, as is `experts`.
    package var tokens: [Int32] = []
    package var positions: [Int32] = []
    package var lengths: [Int32] = []
    /// [layers, rows, chosen], -1 in dense layers.
    package var experts: [Int32] = []

    var byteCount: Int {
        MemoryLayout<ExpertPass>.stride
            + (counts.count + tokens.count + positions.count + lengths.count + experts.count) * 4
    }
}
