import CKernels

/// A sequence's rows in a batch, and where its past is.
package struct AttentionSequence {
    /// The sequence's rows in the query and output matrices.
    package var rows: Range<Int>
    /// The position of the first of these rows; the others follow.
    package var positionStart: Int
    /// The slot of each position from 0 up to and including the last row's; nil when position p lies in slot p.
    package var slots: UnsafePointer<Int32>?
    /// Positions to attend to without a causal order (encoders); nil for causal attention.
    package var length: Int?

    package init(rows: Range<Int>, positionStart: Int, slots: UnsafePointer<Int32>?, length: Int? = nil) {
        self.rows = rows
        self.positionStart = positionStart
        self.slots = slots
        self.length = length
    }
}

/// What one thread does at a time: some rows of a sequence, the query heads of one KV head.
struct AttentionTask {
    var sequence: Int
    var kvHead: Int
    var tokens: Range<Int>
}

extension TensorRuntime {
    /// out = softmax(query keys^T * scale) values, for the rows of each sequence.
    ///
    /// A row's result depends on its own query and on the keys and values that it sees, whatever else is in the batch.
    ///
    /// - Parameters:
    ///   - query: [rows, heads * headDimension], rotated; heads of one KV head follow one another.
    ///   - keys, values: the layer's planes, this batch's own rows already stored.
    ///   - window: a row sees this many positions, itself included; nil for all.
    ///   - out: [rows, heads * headDimension]; may be `query` itself.
    package func attention(
        query: Matrix, keys: KVPlane, values: KVPlane, sequences: [AttentionSequence], scale: Float,
        window: Int? = nil, into out: Matrix
    ) {
        let headDimension = keys.headDimension
        precondition(query.columns % (keys.kvHeads * headDimension) == 0)
        precondition(out.rows == query.rows && out.columns == query.columns)
        precondition(values.headDimension == headDimension && values.kvHeads == keys.kvHeads)
        precondition(values.element == keys.element)
        let group = query.columns / (keys.kvHeads * headDimension)
        planAttention(sequences, kvHeads: keys.kvHeads, group: group)
        let family = family(of: PackedWeight.Format(keys.element))
        var job = apus_attention()
        job.query_stride = query.stride
        job.out_stride = out.stride
        job.key_stride = keys.slotStride
        job.value_stride = values.slotStride
        job.head_dimension = headDimension
        job.group = group
        job.scale = scale
        job.window = window ?? 0
        attentionTasks.withUnsafeBufferPointer { tasks in
            pool.run(count: tasks.count) { index, worker in
                let task = tasks[index]
                let sequence = sequences[task.sequence]
                var job = job
                let column = task.kvHead * group * headDimension
                job.query = UnsafePointer(query.base + sequence.rows.lowerBound * query.stride + column)
                job.out = out.base + sequence.rows.lowerBound * out.stride + column
                job.keys = UnsafeRawPointer(keys.address(head: task.kvHead, slot: 0))
                job.values = UnsafeRawPointer(values.address(head: task.kvHead, slot: 0))
                job.slots = sequence.slots
                job.position = sequence.positionStart
                job.causal = sequence.length == nil
                job.length = sequence.length ?? sequence.positionStart + task.tokens.upperBound
                job.token_begin = task.tokens.lowerBound
                job.token_end = task.tokens.upperBound
                let scratch = self.scratch[worker]
                scratch.reserve(byteCount: family.attention_scratch(task.tokens.count * group, headDimension))
                job.scratch = scratch.base
                family.attention(&job)
            }
        }
    }

    /// Stores rows of keys or values: row i goes to slot slots[i], converted to the plane's format.
    package func store(_ rows: Matrix, into plane: KVPlane, slots: UnsafeBufferPointer<Int32>) {
        let width = plane.kvHeads * plane.headDimension
        precondition(rows.columns == width && rows.rows == slots.count)
        split(rows.rows, grain: grain(width)) { range in
            for row in range {
                precondition(slots[row] >= 0 && Int(slots[row]) < plane.slots)
                for head in 0..<plane.kvHeads {
                    kernels.pointee.convert(
                        rows.base + row * rows.stride + head * plane.headDimension, APUS_FLOAT32,
                        plane.address(head: head, slot: Int(slots[row])), plane.element.kernelElement,
                        plane.headDimension)
                }
            }
        }
    }

    /// Cuts the batch into tasks, the longest pasts first so that the threads end together.
    private func planAttention(_ sequences: [AttentionSequence], kvHeads: Int, group: Int) {
        attentionTasks.removeAll(keepingCapacity: true)
        let rows = sequences.reduce(0) { $0 + $1.rows.count }
        // As many rows a task as the kernels like, unless threads would then have nothing to do.
        let share = rows * kvHeads / (pool.threadCount * 2)
        let tokens = max(1, min(apus_attention_rows() / group, share))
        for (index, sequence) in sequences.enumerated() {
            var end = sequence.rows.count
            while end > 0 {
                let begin = max(0, end - tokens)
                for kvHead in 0..<kvHeads {
                    attentionTasks.append(AttentionTask(sequence: index, kvHead: kvHead, tokens: begin..<end))
                }
                end = begin
            }
        }
        attentionTasks.sort { a, b in
            let left = sequences[a.sequence].positionStart + a.tokens.upperBound
            let right = sequences[b.sequence].positionStart + b.tokens.upperBound
            return left > right
        }
    }
}
