package import ApusTensor

/// What the layers of an encoder's pass share: whose rows are whose, and the buffers that they pass on.
package final class EncoderContext {
    let runtime: TensorRuntime
    /// Texts by their rows; each sees itself alone.
    var sequences: [AttentionSequence] = []
    /// 0, 1, 2, …: row r of the batch keeps its key in slot r.
    var slots: [Int32] = []
    /// Row of the table of positions, of each row of the batch.
    var positions: [Int32] = []
    /// The same of the table of segments.
    var types: [Int32] = []

    let hidden = AlignedBuffer()
    let added = AlignedBuffer()
    let projected = AlignedBuffer()
    let expanded = AlignedBuffer()
    let keys = AlignedBuffer()
    let values = AlignedBuffer()

    package init(runtime: TensorRuntime) {
        self.runtime = runtime
    }
}
