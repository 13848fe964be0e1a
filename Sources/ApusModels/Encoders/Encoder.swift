package import ApusCheckpoint
package import ApusTensor

/// An encoder-only transformer: BERT (Devlin et al. 2019, arXiv 1810.04805), RoBERTa (Liu et al. 2019, arXiv 1907.11692)
/// and XLM-RoBERTa (Conneau et al. 2020, arXiv 1911.02116), which differ in where positions begin to count.
///
/// Texts of any lengths lie one behind the other, without padding: a row never sees another text's.
package final class Encoder {
    package let configuration: EncoderConfiguration
    private let embeddings: EncoderEmbeddings
    private let layers: [EncoderLayer]

    /// - Parameter scope: Where `embeddings` and `encoder` are.
    init(_ scope: WeightScope, _ configuration: EncoderConfiguration) throws {
        self.configuration = configuration
        embeddings = try EncoderEmbeddings(scope.scope("embeddings"), configuration)
        let stack = scope.scope("encoder").scope("layer")
        layers = try (0..<configuration.layerCount).map { layer in
            try EncoderLayer(stack.scope("\(layer)"), configuration)
        }
    }

    /// Bytes of weights that stay in memory (norms not counted).
    package var weightByteCount: Int { layers.reduce(embeddings.byteCount) { $0 + $1.byteCount } }

    /// Vectors of all tokens after the last layer, [rows, hiddenSize], valid until the next call.
    ///
    /// - Parameters:
    ///   - tokens: [rows] ids, inside the vocabulary.
    ///   - types: [rows] segments, inside `typeCount`; empty: all 0.
    ///   - texts: Their rows, in order, without gaps, none longer than the context.
    ///   - context: Where it is computed; the vectors are in its memory.
    package func hidden(
        _ tokens: UnsafeBufferPointer<Int32>, types: UnsafeBufferPointer<Int32>, texts: [Range<Int>],
        _ context: EncoderContext
    ) -> Matrix {
        precondition(types.isEmpty || types.count == tokens.count)
        context.slots = (0..<tokens.count).map { Int32($0) }
        context.types = types.isEmpty ? Array(repeating: 0, count: tokens.count) : Array(types)
        context.positions.removeAll(keepingCapacity: true)
        let hidden = context.hidden.matrix(rows: tokens.count, columns: configuration.hiddenSize)
        context.slots.withUnsafeBufferPointer { slots in
            context.sequences.removeAll(keepingCapacity: true)
            for text in texts {
                precondition(text.lowerBound == context.positions.count && text.count <= configuration.contextLength)
                for position in 0..<text.count {
                    context.positions.append(Int32(configuration.positionOffset + position))
                }
                context.sequences.append(
                    AttentionSequence(
                        rows: text, positionStart: 0, slots: slots.baseAddress.map { $0 + text.lowerBound },
                        length: text.count))
            }
            precondition(context.positions.count == tokens.count)
            embeddings(tokens, into: hidden, context)
            for layer in layers { layer(hidden, context) }
        }
        return hidden
    }
}
