import CKernels

/// What one thread does at a time: some rows of a sequence, the query heads of one KV head, all of the past or some of
/// its spans.
struct AttentionTask {
    enum Part {
        case whole
        /// Some of the spans, whose outcomes wait in the partials from `partialStart` on.
        case spans(Range<Int>)
        /// All spans are there: joined in their order.
        case join
    }

    var sequence: Int
    var kvHead: Int
    var tokens: Range<Int>
    var part = Part.whole
    /// Index of the first float of this row block's partial outcomes.
    var partialStart = 0
    /// Row and position pairs.
    var cost: Int
}

/// Cuts a batch's attention into tasks of which every thread gets a fair share. Kept for its memory.
///
/// How it is cut changes no bit of the outcome: borders are those of rows and of spans, and spans are joined in order.
struct AttentionPlan {
    /// The longest first, so that the threads end together.
    private(set) var tasks: [AttentionTask] = []
    /// What follows when all of `tasks` are done.
    private(set) var joins: [AttentionTask] = []
    /// Floats of all partial outcomes.
    private(set) var partialCount = 0

    /// Tasks for each thread at least, if the work can be cut so finely.
    private static let tasksPerThread = 2

    mutating func fill(
        _ sequences: [AttentionSequence], kvHeads: Int, group: Int, headDimension: Int, threads: Int
    ) {
        tasks.removeAll(keepingCapacity: true)
        joins.removeAll(keepingCapacity: true)
        partialCount = 0
        let rows = sequences.reduce(0) { $0 + $1.rows.count }
        // As many rows a task as the kernels like, unless threads would then have nothing to do.
        let share = rows * kvHeads / (threads * Self.tasksPerThread)
        let tokens = max(1, min(apus_attention_rows() / group, share))
        var total = 0
        for (index, sequence) in sequences.enumerated() {
            var end = sequence.rows.count
            while end > 0 {
                let begin = max(0, end - tokens)
                let cost = (end - begin) * sequence.visibleLength(begin..<end)
                for kvHead in 0..<kvHeads {
                    tasks.append(AttentionTask(sequence: index, kvHead: kvHead, tokens: begin..<end, cost: cost))
                    total += cost
                }
                end = begin
            }
        }
        if threads > 1 {
            divide(sequences, largest: max(1, total / (threads * Self.tasksPerThread)), group, headDimension)
        }
        tasks.sort { $0.cost > $1.cost }
    }

    /// Cuts the past of tasks that are larger than a fair share, at span borders.
    private mutating func divide(
        _ sequences: [AttentionSequence], largest: Int, _ group: Int, _ headDimension: Int
    ) {
        for index in tasks.indices where tasks[index].cost > largest {
            var task = tasks[index]
            let length = sequences[task.sequence].visibleLength(task.tokens)
            let spans = (length + Self.span - 1) / Self.span
            let parts = min(spans, (task.cost + largest - 1) / largest)
            guard parts > 1 else { continue }
            task.partialStart = partialCount
            partialCount += spans * apus_attention_partial(task.tokens.count * group, headDimension)
            task.cost = (task.cost + parts - 1) / parts
            for part in 0..<parts {
                let begin = spans * part / parts, end = spans * (part + 1) / parts
                task.part = .spans(begin..<end)
                if part == 0 { tasks[index] = task } else { tasks.append(task) }
            }
            task.part = .join
            joins.append(task)
        }
    }

    private static let span = Int(APUS_KV_SPAN)
}
