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

    /// Positions that exist for some of the rows.
    func visibleLength(_ tokens: Range<Int>) -> Int { length ?? positionStart + tokens.upperBound }
}

extension TensorRuntime {
    /// out = softmax(query keys^T * scale) values, for the rows of each sequence.
    ///
    /// A row's result depends on its own query and on the keys and values that it sees, whatever else is in the batch
    /// and however long pasts are divided among threads.
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
        let mark = start(.attention)
        defer { finish(mark) }
        let headDimension = keys.headDimension
        precondition(query.columns % (keys.kvHeads * headDimension) == 0)
        precondition(out.rows == query.rows && out.columns == query.columns)
        precondition(values.headDimension == headDimension && values.kvHeads == keys.kvHeads)
        precondition(values.format == keys.format)
        let group = query.columns / (keys.kvHeads * headDimension)
        attentionPlan.fill(
            sequences, kvHeads: keys.kvHeads, group: group, headDimension: headDimension, threads: pool.threadCount)
        attentionPartials.reserve(byteCount: attentionPlan.partialCount * MemoryLayout<Float>.stride)
        var job = apus_attention()
        job.query_stride = query.stride
        job.out_stride = out.stride
        job.key_stride = keys.slotStride
        job.value_stride = values.slotStride
        job.head_dimension = headDimension
        job.group = group
        job.scale = scale
        job.window = window ?? 0
        attentionPlan.tasks.withUnsafeBufferPointer { tasks in
            var work = AttentionWork(
                tasks: tasks, sequences: sequences, query: query, keys: keys, values: values, out: out, job: job,
                family: family(of: PackedWeight.Format(keys.format.arithmetic)), partials: attentionPartials.floats,
                scratch: scratch)
            pool.run(count: tasks.count, with: work) { work, index, worker in work.run(index, worker) }
            guard !attentionPlan.joins.isEmpty else { return }
            attentionPlan.joins.withUnsafeBufferPointer { joins in
                work.tasks = joins
                pool.run(count: joins.count, with: work) { work, index, worker in work.run(index, worker) }
            }
        }
    }

    /// Stores rows of keys or values: row i goes to slot slots[i], converted to the plane's format.
    package func store(_ rows: Matrix, into plane: KVPlane, slots: UnsafeBufferPointer<Int32>) {
        let mark = start(.positions)
        defer { finish(mark) }
        let width = plane.kvHeads * plane.headDimension
        precondition(rows.columns == width && rows.rows == slots.count)
        split(rows.rows, grain: grain(width), with: (kernels, rows, plane, slots)) { state, range in
            let (kernels, rows, plane, slots) = state
            for row in range {
                precondition(slots[row] >= 0 && Int(slots[row]) < plane.slots)
                for head in 0..<plane.kvHeads {
                    let source = UnsafePointer(rows.base + row * rows.stride + head * plane.headDimension)
                    let target = plane.address(head: head, slot: Int(slots[row]))
                    if let scales = plane.scales(head: head) {
                        scales[Int(slots[row])] = kernels.pointee.quantise(
                            source, target.assumingMemoryBound(to: Int8.self), plane.headDimension)
                    } else {
                        kernels.pointee.convert(
                            source, APUS_FLOAT32, target, plane.format.arithmetic.kernelElement, plane.headDimension)
                    }
                }
            }
        }
    }
}

/// What every task of one attention shares.
private struct AttentionWork {
    var tasks: UnsafeBufferPointer<AttentionTask>
    let sequences: [AttentionSequence]
    let query: Matrix
    let keys: KVPlane
    let values: KVPlane
    let out: Matrix
    let job: apus_attention
    let family: apus_family
    let partials: UnsafeMutablePointer<Float>
    let scratch: [AlignedBuffer]

    func run(_ index: Int, _ worker: Int) {
        let task = tasks[index]
        let sequence = sequences[task.sequence]
        var job = job
        let column = task.kvHead * job.group * job.head_dimension
        job.query = UnsafePointer(query.base + sequence.rows.lowerBound * query.stride + column)
        job.out = out.base + sequence.rows.lowerBound * out.stride + column
        job.keys = UnsafeRawPointer(keys.address(head: task.kvHead, slot: 0))
        job.values = UnsafeRawPointer(values.address(head: task.kvHead, slot: 0))
        job.key_scales = keys.scales(head: task.kvHead).map { UnsafePointer($0) }
        job.value_scales = values.scales(head: task.kvHead).map { UnsafePointer($0) }
        job.slots = sequence.slots
        job.position = sequence.positionStart
        job.causal = sequence.length == nil
        job.length = sequence.visibleLength(task.tokens)
        job.token_begin = task.tokens.lowerBound
        job.token_end = task.tokens.upperBound
        switch task.part {
        case .whole: job.stage = APUS_ATTEND
        case .spans(let spans):
            job.stage = APUS_ATTEND_SPANS
            job.span_begin = spans.lowerBound
            job.span_end = spans.upperBound
        case .join: job.stage = APUS_JOIN_SPANS
        }
        job.partials = partials + task.partialStart
        let scratch = scratch[worker]
        scratch.reserve(byteCount: family.attention_scratch(task.tokens.count * job.group, job.head_dimension))
        job.scratch = scratch.base
        family.attention(&job)
    }
}
