package import ApusCheckpoint
package import ApusCore
package import ApusTensor

/// A decoder-only transformer: embedding, layers, norm, head.
///
/// It knows rows, positions and slots, and nothing of requests. Its weights never change.
package final class Decoder {
    package let configuration: ModelConfiguration
    /// What is multiplied and kept in the pool: `bfloat16` or `float32`.
    package let elementType: ElementType
    /// How the projections are kept; nil: in `elementType`.
    package let quantization: Quantization?
    /// What it was packed with; a session may run it on another one with the same kernels.
    package let runtime: TensorRuntime
    /// What the checkpoint's tensors became.
    package let catalog: WeightCatalog
    private let embedding: Embedding
    private let layers: [DecoderLayer]
    private let norm: RMSNorm

    /// - Parameters:
    ///   - scope: The checkpoint's root, or with `headless` the place of `embed_tokens`, `layers` and `norm`.
    ///   - headless: The model makes vectors: there is no head, and `logits` must not be asked for.
    init(_ scope: WeightScope, _ configuration: ModelConfiguration, headless: Bool = false) throws {
        let traits = try ModelRegistry.traits(of: configuration)
        self.configuration = configuration
        elementType = scope.loader.element
        quantization = scope.loader.quantization
        runtime = scope.loader.runtime
        catalog = scope.loader.catalog
        // The largest tensors first: their sources are then in memory while little else is.
        let model = headless ? scope : scope.scope("model")
        if headless {
            embedding = try Embedding(
                headless: model, vocabularySize: configuration.vocabularySize, hiddenSize: configuration.hiddenSize)
        } else {
            embedding = try Embedding(
                scope, vocabularySize: configuration.vocabularySize, hiddenSize: configuration.hiddenSize,
                tied: configuration.tiesEmbeddings)
        }
        layers = try (0..<configuration.layerCount).map { layer in
            try DecoderLayer(model.scope("layers", layer), configuration, traits, layer: layer)
        }
        norm = try RMSNorm(model.scope("norm"), size: configuration.hiddenSize, epsilon: configuration.normEpsilon)
    }

    /// Bytes of weights that stay in memory (norms, a few kilobytes, not counted).
    package var weightByteCount: Int {
        layers.reduce(embedding.byteCount) { $0 + $1.byteCount }
    }

    /// Bytes of keys and values of one token.
    package var bytesPerToken: Int {
        KVPool.bytesPerToken(
            layerCount: configuration.layerCount, kvHeadCount: configuration.kvHeadCount,
            headDimension: configuration.headDimension, format: .plain(elementType))
    }

    /// The residual stream after the last layer of the rows that the context keeps, [kept, hiddenSize]; keys and values
    /// of all rows go to the pool.
    func hidden(_ tokens: UnsafeBufferPointer<Int32>, _ context: ForwardContext) -> Matrix {
        let hidden = context.hidden.matrix(rows: tokens.count, columns: configuration.hiddenSize)
        embedding(tokens, into: hidden, context.runtime)
        for (row, numbers) in context.embeddings { place(numbers, in: hidden, from: row) }
        for layer in layers.dropLast() { layer(hidden, context) }
        return layers[layers.count - 1].last(hidden, context)
    }

    /// Whole rows of numbers, in order.
    private func place(_ numbers: ArraySlice<Float>, in hidden: Matrix, from row: Int) {
        let size = configuration.hiddenSize
        precondition(numbers.count % size == 0, "parts of a row")
        for offset in 0..<numbers.count / size {
            let start = numbers.startIndex + offset * size
            _ = hidden[row + offset].update(fromContentsOf: numbers[start..<start + size])
        }
    }

    /// The residual stream normed, in place: what heads multiply.
    func normed(_ hidden: Matrix, _ context: ForwardContext) -> Matrix {
        norm(hidden, into: hidden, context.runtime)
        return hidden
    }

    /// Some rows of the residual stream normed, [rows.count, hiddenSize].
    func states(_ hidden: Matrix, rows: UnsafeBufferPointer<Int32>, _ context: ForwardContext) -> Matrix {
        let selected = context.selected.matrix(rows: rows.count, columns: configuration.hiddenSize)
        context.runtime.select(hidden, rows: rows, into: selected)
        norm(selected, into: selected, context.runtime)
        return selected
    }

    /// Logits, [rows.count, vocabularySize], of some rows of the residual stream.
    func logits(_ hidden: Matrix, rows: UnsafeBufferPointer<Int32>, _ context: ForwardContext) -> Matrix {
        let selected = states(hidden, rows: rows, context)
        let logits = context.logits.matrix(rows: rows.count, columns: configuration.vocabularySize)
        embedding.logits(selected, into: logits, context.runtime)
        return logits
    }
}
