/// What a detokenizer is told when it starts.
package struct DetokenizerConfiguration: Sendable {
    /// Tells this process from its predecessors.
    package var epoch: UInt64
    /// Streams known at one time, at least 1 (`SGLANG_DETOKENIZER_MAX_STATES`).
    package var maxStates: Int

    package init(epoch: UInt64 = .random(in: 1 ... .max), maxStates: Int = 65_536) {
        precondition(maxStates > 0, "a detokenizer without room for a stream")
        self.epoch = epoch
        self.maxStates = maxStates
    }
}
