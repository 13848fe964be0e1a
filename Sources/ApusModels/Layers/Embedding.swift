import ApusCore
import ApusTensor

/// The table of token vectors, and the head that multiplies by it or by a table of its own.
struct Embedding {
    private enum Table {
        /// As the checkpoint has it, beside a head with its own weights.
        case rows(AlignedBuffer, ElementType)
        /// The head's packed weight, from which single rows are taken: tied weights are kept once.
        case packed(PackedWeight)
    }

    private let table: Table
    /// nil: the model makes vectors, not logits.
    private let head: PackedWeight?
    let vocabularySize: Int

    /// - Parameters:
    ///   - scope: The checkpoint's root: `model.embed_tokens`, and `lm_head` unless tied.
    init(_ scope: WeightScope, vocabularySize: Int, hiddenSize: Int, tied: Bool) throws {
        self.vocabularySize = vocabularySize
        let embedding = "model.embed_tokens"
        func packed(_ name: String) throws -> PackedWeight {
            try scope.loader.packed(
                [(name, vocabularySize)], inputs: hiddenSize, bias: false, arrangement: .sequential, as: .head)
        }
        if tied {
            let weight = try packed(embedding)
            table = .packed(weight)
            head = weight
        } else {
            let rows = try scope.loader.table(embedding, rows: vocabularySize, columns: hiddenSize)
            table = .rows(rows.buffer, rows.element)
            head = try packed("lm_head")
        }
    }

    /// The table alone, without a head.
    ///
    /// - Parameter scope: Where `embed_tokens` is.
    init(headless scope: WeightScope, vocabularySize: Int, hiddenSize: Int) throws {
        self.vocabularySize = vocabularySize
        let rows = try scope.loader.table(
            scope.scope("embed_tokens").path, rows: vocabularySize, columns: hiddenSize)
        table = .rows(rows.buffer, rows.element)
        head = nil
    }

    /// hidden: [tokens, hiddenSize]
    func callAsFunction(_ tokens: UnsafeBufferPointer<Int32>, into hidden: Matrix, _ runtime: TensorRuntime) {
        runtime.measured(.elementwise) {
            switch table {
            case .rows(let buffer, let element):
                runtime.gather(table: buffer.base, element: element, count: vocabularySize, ids: tokens, into: hidden)
            case .packed(let weight):
                runtime.gather(weight, ids: tokens, into: hidden)
            }
        }
    }

    /// x: [rows, hiddenSize]; logits: [rows, vocabularySize]
    func logits(_ x: Matrix, into logits: Matrix, _ runtime: TensorRuntime) {
        guard let head else { preconditionFailure("logits of a model without a head") }
        runtime.measured(.head) { runtime.linear(x, head, into: logits) }
    }

    var byteCount: Int {
        let headBytes = head?.byteCount ?? 0
        return if case .rows(let buffer, _) = table { buffer.byteCount + headBytes } else { headBytes }
    }
}
