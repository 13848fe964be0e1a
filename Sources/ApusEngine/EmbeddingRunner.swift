import ApusCheckpoint
package import ApusExperts
package import ApusModels
import ApusTensor

/// Makes vectors with an encoder or a decoder: body over all rows, then pooling, head and length.
///
/// Whole texts go through at once; a decoder takes long ones in pieces, so that activations stay small. Nothing is kept
/// from batch to batch: what a prefix cache saves on texts that share beginnings would cost all others its keeping.
package final class EmbeddingRunner: EmbeddingWorker {
    package let contextLength: Int
    package let tokenCapacity: Int
    package let vocabularySize: Int
    package let typeCount: Int

    /// By generation.
    private(set) var models: [Int: EmbeddingModel]
    private let runtime: TensorRuntime
    private let session: DecoderSession?
    /// nil for decoders.
    private let context: EncoderContext?
    private let pieceSize: Int
    private let slots: [Int32]
    private let pooled = AlignedBuffer()
    private var recorder: ExpertRecorder?

    /// - Parameters:
    ///   - tokenCapacity: Most tokens of a batch, and of a text of a decoder.
    ///   - contextLength: Longest text; nil: the model's own.
    ///   - pieceSize: Rows of a decoder at a time.
    /// - Throws: `TensorError.outOfMemory`, `TensorError.threadCreation`.
    package init(
        _ model: EmbeddingModel, tokenCapacity: Int, contextLength: Int? = nil, pieceSize: Int = 4096
    ) throws {
        precondition(tokenCapacity > 0 && pieceSize > 0)
        models = [0: model]
        vocabularySize = model.vocabularySize
        typeCount = model.typeCount
        runtime = model.runtime
        self.contextLength = min(contextLength ?? model.contextLength, model.contextLength)
        self.tokenCapacity = tokenCapacity
        self.pieceSize = pieceSize
        switch model.body {
        case .decoder(let decoder):
            expertShape = ExpertShape(decoder.configuration)
            session = try DecoderSession(decoder, slotCount: tokenCapacity, contextLength: self.contextLength)
            slots = (0..<tokenCapacity).map { Int32($0) }
            context = nil
        case .encoder:
            expertShape = .dense
            session = nil
            slots = []
            context = try EncoderContext(runtime: model.runtime)
        }
    }

    package let expertShape: ExpertShape

    /// Where a decoder keeps keys and values while it runs; nil for encoders.
    package var pool: KVPool? { session?.pool }

    package func record(experts recorder: ExpertRecorder) { self.recorder = recorder }

    // MARK: - Weights

    package func adopt(_ weights: any ResidentWeights, as generation: Int) {
        guard let loaded = weights as? LoadedEmbeddingModel else {
            preconditionFailure("weights of another kind of worker")
        }
        precondition(models.updateValue(loaded.model, forKey: generation) == nil)
    }

    package func drop(generation: Int) {
        precondition(models.removeValue(forKey: generation) != nil, "weights \(generation) are not there")
        // The session must not keep alive what is gone.
        session?.decoder = nil
        if models.isEmpty { runtime.spare?.giveBackAll() }
    }

    package func readWeights(
        _ generation: Int, _ name: String, rowCount: Int
    ) -> (shape: [Int], rows: [[Float]])? {
        models[generation]?.catalog.rows(of: name, first: rowCount)
    }

    // MARK: - Steps

    package func embed(_ batch: EmbeddingBatch) throws -> [[Float]] {
        guard !batch.texts.isEmpty else { return [] }
        precondition(batch.tokens.count <= tokenCapacity, "a batch exceeds the capacity")
        guard let model = models[batch.generation] else {
            preconditionFailure("weights \(batch.generation) are not there")
        }
        let vectors = pooled.matrix(rows: batch.texts.count, columns: model.hiddenSize)
        let pools = batch.texts.indices.map { index in
            Pool(model.pooling, count: batch.texts[index].rows.count, into: vectors[index])
        }
        switch model.body {
        case .encoder(let encoder):
            guard let context else { preconditionFailure("an encoder has a context") }
            let hidden = batch.tokens.withUnsafeBufferPointer { tokens in
                batch.types.withUnsafeBufferPointer { types in
                    encoder.hidden(tokens, types: types, texts: batch.texts.map(\.rows), context)
                }
            }
            for (text, pool) in zip(batch.texts, pools) {
                for position in pool.wanted(0..<text.rows.count) {
                    pool.take(hidden[text.rows.lowerBound + position], at: position)
                }
            }
        case .decoder(let decoder):
            session?.decoder = decoder
            runDecoder(batch, pools)
        }
        for pool in pools { pool.finish() }
        let outcome = model.head.map { $0(vectors, runtime) } ?? vectors
        return batch.texts.indices.map { index in
            let numbers = UnsafeBufferPointer(outcome[index]).prefix(batch.texts[index].dimensions ?? outcome.columns)
            return model.normalizes ? Self.normalized(numbers) : Array(numbers)
        }
    }

    /// Pieces of the batch in order; a text's keys and values lie in the slots of its rows.
    private func runDecoder(_ batch: EmbeddingBatch, _ pools: [Pool]) {
        guard let session else { preconditionFailure("a decoder has a session") }
        slots.withUnsafeBufferPointer { slots in
            for start in stride(from: 0, to: batch.tokens.count, by: pieceSize) {
                let piece = start..<min(start + pieceSize, batch.tokens.count)
                var rows: [DecoderSession.Rows] = []
                var kept: [(pool: Pool, position: Int)] = []
                for (text, pool) in zip(batch.texts, pools) where text.rows.overlaps(piece) {
                    let part = text.rows.clamped(to: piece)
                    let first = part.lowerBound - text.rows.lowerBound
                    let wanted = pool.wanted(first..<first + part.count)
                    let range = part.lowerBound - start..<part.upperBound - start
                    // `kept` is counted as `range` is.
                    let offset = range.lowerBound - first
                    rows.append(
                        DecoderSession.Rows(
                            range: range, position: first, slots: slots.baseAddress! + text.rows.lowerBound,
                            kept: wanted.lowerBound + offset..<wanted.upperBound + offset))
                    for position in wanted { kept.append((pool, position)) }
                }
                batch.tokens.withUnsafeBufferPointer {
                    let tokens = UnsafeBufferPointer(rebasing: $0[piece])
                    if let recorder {
                        recorder.listen(session, tokens, rows) { _ in false }
                    } else {
                        session.run(tokens, sequences: rows)
                    }
                }
                guard !kept.isEmpty else { continue }
                let hidden = session.vectors()
                for (row, item) in kept.enumerated() { item.pool.take(hidden[row], at: item.position) }
            }
        }
    }

    /// Divided by its Euclidean length, which is at least 1e-12 as in the reference.
    private static func normalized(_ numbers: some Collection<Float>) -> [Float] {
        let length = max(numbers.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot(), 1e-12)
        return numbers.map { $0 / length }
    }
}

/// One text's vector in the making. Rows are taken in the order of their positions, so that sums have one order.
private struct Pool {
    let pooling: Pooling
    let count: Int
    /// [hiddenSize]
    let vector: UnsafeMutableBufferPointer<Float>

    init(_ pooling: Pooling, count: Int, into vector: UnsafeMutableBufferPointer<Float>) {
        self.pooling = pooling
        self.count = count
        self.vector = vector
    }

    /// Which of these positions count.
    func wanted(_ positions: Range<Int>) -> Range<Int> {
        switch pooling {
        case .firstToken: positions.clamped(to: 0..<1)
        case .lastToken: positions.clamped(to: count - 1..<count)
        case .mean, .maximum: positions
        }
    }

    func take(_ row: UnsafeMutableBufferPointer<Float>, at position: Int) {
        let isFirst = position == 0 || pooling == .lastToken
        switch pooling {
        case _ where isFirst: for index in vector.indices { vector[index] = row[index] }
        case .mean: for index in vector.indices { vector[index] += row[index] }
        default: for index in vector.indices { vector[index] = max(vector[index], row[index]) }
        }
    }

    func finish() {
        guard pooling == .mean else { return }
        for index in vector.indices { vector[index] /= Float(count) }
    }
}
