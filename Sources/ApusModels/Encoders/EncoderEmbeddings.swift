import ApusCheckpoint
import ApusCore
import ApusTensor

/// norm(word + position + segment) of each token (Devlin et al. 2019, section 3).
struct EncoderEmbeddings {
    private struct Table {
        let buffer: AlignedBuffer
        let element: ElementType
        let rows: Int

        init(_ scope: WeightScope, rows: Int, columns: Int) throws {
            (buffer, element) = try scope.loader.table(scope.path, rows: rows, columns: columns)
            self.rows = rows
        }

        func callAsFunction(_ ids: UnsafeBufferPointer<Int32>, into y: Matrix, _ runtime: TensorRuntime) {
            runtime.gather(table: buffer.base, element: element, count: rows, ids: ids, into: y)
        }
    }

    private let words: Table
    private let positions: Table
    private let types: Table
    private let norm: LayerNorm

    init(_ scope: WeightScope, _ configuration: EncoderConfiguration) throws {
        let size = configuration.hiddenSize
        words = try Table(scope.scope("word_embeddings"), rows: configuration.vocabularySize, columns: size)
        positions = try Table(scope.scope("position_embeddings"), rows: configuration.positionCount, columns: size)
        types = try Table(scope.scope("token_type_embeddings"), rows: configuration.typeCount, columns: size)
        norm = try LayerNorm(scope.scope("LayerNorm"), size: size, epsilon: configuration.normEpsilon)
    }

    /// hidden: [rows, hiddenSize]; positions and segments are the context's.
    func callAsFunction(_ tokens: UnsafeBufferPointer<Int32>, into hidden: Matrix, _ context: EncoderContext) {
        let runtime = context.runtime
        let added = context.added.matrix(rows: hidden.rows, columns: hidden.columns)
        words(tokens, into: hidden, runtime)
        context.types.withUnsafeBufferPointer { types($0, into: added, runtime) }
        runtime.add(hidden, added, into: hidden)
        context.positions.withUnsafeBufferPointer { positions($0, into: added, runtime) }
        runtime.add(hidden, added, into: hidden)
        norm(hidden, into: hidden, runtime)
    }

    var byteCount: Int { words.buffer.byteCount + positions.buffer.byteCount + types.buffer.byteCount }
}
