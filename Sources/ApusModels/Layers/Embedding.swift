import ApusCore
import ApusTensor

/// The table of token vectors, and the head that multiplies by it or by a table of its own.
struct Embedding {
    private enum Table {
        /// As the checkpoint has it, beside a head with its own weights.
        case rows(AlignedBuffer, ElementType)
        /// The head's packed weight, from which single rows are taken: tied weights are kept once.
        case packed
    }

    private let table: Table
    private let head: PackedWeight
    let vocabularySize: Int

    /// - Parameters:
    ///   - scope: The checkpoint's root: `model.embed_tokens`, and `lm_head` unless tied.
    init(_ scope: WeightScope, vocabularySize: Int, hiddenSize: Int, tied: Bool) throws {
        self.vocabularySize = vocabularySize
        let embedding = "model.embed_tokens"
        if tied {
            table = .packed
        } else {
            let rows = try scope.loader.table(embedding, rows: vocabularySize, columns: hiddenSize)
            table = .rows(rows.buffer, rows.element)
        }
        head = try scope.loader.packed(
            [(tied ? embedding : "lm_head", vocabularySize)], inputs: hiddenSize, bias: false,
            arrangement: .sequential)
    }

    /// hidden: [tokens, hiddenSize]
    func callAsFunction(_ tokens: UnsafeBufferPointer<Int32>, into hidden: Matrix, _ runtime: TensorRuntime) {
        switch table {
        case .rows(let buffer, let element):
            runtime.gather(table: buffer.base, element: element, count: vocabularySize, ids: tokens, into: hidden)
        case .packed:
            runtime.gather(head, ids: tokens, into: hidden)
        }
    }

    /// x: [rows, hiddenSize]; logits: [rows, vocabularySize]
    func logits(_ x: Matrix, into logits: Matrix, _ runtime: TensorRuntime) {
        runtime.linear(x, head, into: logits)
    }

    var byteCount: Int {
        if case .rows(let buffer, _) = table { buffer.byteCount + head.byteCount } else { head.byteCount }
    }
}
