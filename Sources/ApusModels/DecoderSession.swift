import ApusCheckpoint
package import ApusTensor

/// A decoder with its KV pool and the memory of its activations: runs one step at a time.
package final class DecoderSession {
    /// Runs the next steps: any decoder of the same shape, with weights packed for the same kernels.
    package var decoder: Decoder?
    package let pool: KVPool
    /// Longest sequence in tokens.
    package let contextLength: Int
    private let context: ForwardContext
    /// What the last `run` left.
    private var hidden: Matrix?

    /// The rows of one sequence.
    package struct Rows {
        package var range: Range<Int>
        /// Position of the first row.
        package var position: Int
        /// Slots of positions 0 ..< position + range.count.
        package var slots: UnsafePointer<Int32>
        /// Rows, among those of `range`, whose logits may be asked for.
        package var kept: Range<Int>
        /// What the first rows begin with instead of their tokens' vectors, row after row; empty: nothing.
        package var embeddings: ArraySlice<Float>

        /// - Parameter kept: nil: all.
        package init(
            range: Range<Int>, position: Int, slots: UnsafePointer<Int32>, kept: Range<Int>? = nil,
            embeddings: ArraySlice<Float> = []
        ) {
            self.embeddings = embeddings
            self.range = range
            self.position = position
            self.slots = slots
            self.kept = kept ?? range
        }
    }

    /// - Parameter kvFormat: nil: in the number format of the decoder.
    /// - Throws: `TensorError.outOfMemory`.
    package init(_ decoder: Decoder, slotCount: Int, contextLength: Int, kvFormat: KVFormat? = nil) throws {
        let configuration = decoder.configuration
        self.decoder = decoder
        self.contextLength = contextLength
        pool = try KVPool(
            slotCount: slotCount, layerCount: configuration.layerCount, kvHeadCount: configuration.kvHeadCount,
            headDimension: configuration.headDimension, format: kvFormat ?? .plain(decoder.elementType))
        let frequencies = RotaryFrequencies.inverse(configuration.rotary, headDimension: configuration.headDimension)
        // No sequence is longer than the pool.
        let rotary = try RotaryTable(
            inverseFrequencies: frequencies, positions: min(contextLength, slotCount))
        context = ForwardContext(runtime: decoder.runtime, pool: pool, rotary: rotary)
    }

    /// Who hears of the experts that rows visit.
    package var observer: (any RoutingObserver)? {
        get { context.observer }
        set { context.observer = newValue }
    }

    /// Runs all layers over `tokens` and keeps the outcome for `logits`.
    ///
    /// - Parameters:
    ///   - tokens: [rows] ids, inside the vocabulary.
    ///   - sequences: Their rows, in order, without gaps.
    package func run(_ tokens: UnsafeBufferPointer<Int32>, sequences: [Rows]) {
        context.positions.removeAll(keepingCapacity: true)
        context.slots.removeAll(keepingCapacity: true)
        context.sequences.removeAll(keepingCapacity: true)
        context.kept.removeAll(keepingCapacity: true)
        context.keptSequences.removeAll(keepingCapacity: true)
        context.embeddings.removeAll(keepingCapacity: true)
        for sequence in sequences {
            precondition(sequence.range.lowerBound == context.positions.count, "rows are not in order")
            precondition(sequence.position >= 0 && sequence.position + sequence.range.count <= contextLength)
            for position in sequence.position..<sequence.position + sequence.range.count {
                context.positions.append(Int32(position))
                context.slots.append(sequence.slots[position])
            }
            context.sequences.append(
                AttentionSequence(
                    rows: sequence.range, positionStart: sequence.position, slots: sequence.slots))
            keep(sequence)
            if !sequence.embeddings.isEmpty {
                context.embeddings.append((sequence.range.lowerBound, sequence.embeddings))
            }
        }
        precondition(context.positions.count == tokens.count)
        guard let decoder else { preconditionFailure("a step without weights") }
        hidden = decoder.hidden(tokens, context)
    }

    private func keep(_ sequence: Rows) {
        precondition(sequence.kept.isEmpty || sequence.kept.clamped(to: sequence.range) == sequence.kept)
        guard !sequence.kept.isEmpty else { return }
        let start = context.kept.count
        for row in sequence.kept { context.kept.append(Int32(row)) }
        context.keptSequences.append(
            AttentionSequence(
                rows: start..<context.kept.count,
                positionStart: sequence.position + sequence.kept.lowerBound - sequence.range.lowerBound,
                slots: sequence.slots))
    }

    /// Vectors of the kept rows of the last `run` as the head would see them, [kept, hiddenSize], valid until the next
    /// call; `logits` must not be asked for after it.
    package func vectors() -> Matrix {
        guard let decoder, let hidden else { preconditionFailure("vectors before any run") }
        self.hidden = nil
        return decoder.normed(hidden, context)
    }

    /// Hidden states of some of the kept rows of the last `run`, as the head would see them, counted among these:
    /// [rows.count, hiddenSize], valid until the next call.
    package func states(rows: UnsafeBufferPointer<Int32>) -> Matrix {
        guard let decoder, let hidden else { preconditionFailure("hidden states before any run") }
        return decoder.states(hidden, rows: rows, context)
    }

    /// Logits of some of the kept rows of the last `run`, counted among these: [rows.count, vocabularySize], valid until
    /// the next call.
    package func logits(rows: UnsafeBufferPointer<Int32>) -> Matrix {
        guard let decoder, let hidden else { preconditionFailure("logits before any run") }
        return decoder.logits(hidden, rows: rows, context)
    }
}
