package import ApusTensor

/// What the layers of an encoder's pass share: whose rows are whose, and the buffers that they pass on.
///
/// `@unchecked Sendable`: one thread uses it at a time; those of `lanes` are each one thread's during a job.
package final class EncoderContext: @unchecked Sendable {
    let runtime: TensorRuntime
    /// A context for each thread, for batches in which threads have texts of their own; empty with one thread.
    let lanes: [EncoderContext]

    /// Texts by their rows; each sees itself alone.
    private(set) var texts: [Range<Int>] = []
    /// 0, 1, 2, …: row r keeps its key in slot r.
    private(set) var slots: [Int32] = []
    /// Row of the table of positions, of each row.
    private(set) var positions: [Int32] = []
    /// The same of the table of segments.
    private(set) var types: [Int32] = []

    let hidden = AlignedBuffer()
    let added = AlignedBuffer()
    let projected = AlignedBuffer()
    let expanded = AlignedBuffer()
    let keys = AlignedBuffer()
    let values = AlignedBuffer()

    /// - Throws: `TensorError.threadCreation`.
    package convenience init(runtime: TensorRuntime) throws {
        let singles = runtime.pool.threadCount > 1 ? try runtime.singles() : []
        self.init(runtime, lanes: singles.map { EncoderContext($0, lanes: []) })
    }

    private init(_ runtime: TensorRuntime, lanes: [EncoderContext]) {
        self.runtime = runtime
        self.lanes = lanes
    }

    /// Says whose rows are whose.
    ///
    /// - Parameters:
    ///   - texts: Rows of a batch, in order, without gaps; the first of them is row 0 here.
    ///   - types: Segments of these rows; empty: all 0.
    ///   - positionOffset: What the first position is called.
    func begin(_ texts: some Collection<Range<Int>>, types: UnsafeBufferPointer<Int32>, positionOffset: Int) {
        let first = texts.first?.lowerBound ?? 0
        self.texts.removeAll(keepingCapacity: true)
        positions.removeAll(keepingCapacity: true)
        for text in texts {
            precondition(text.lowerBound - first == positions.count)
            self.texts.append(text.lowerBound - first..<text.upperBound - first)
            for position in 0..<text.count { positions.append(Int32(positionOffset + position)) }
        }
        for slot in slots.count..<max(slots.count, positions.count) { slots.append(Int32(slot)) }
        self.types.removeAll(keepingCapacity: true)
        if types.isEmpty {
            for _ in positions { self.types.append(0) }
        } else {
            self.types.append(contentsOf: types)
        }
    }
}
