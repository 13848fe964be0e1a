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
        precondition((texts.last?.upperBound ?? 0) == tokens.count)
        precondition(texts.allSatisfy { $0.count <= configuration.contextLength })
        let hidden = context.hidden.matrix(rows: tokens.count, columns: configuration.hiddenSize)
        guard let groups = TextGroups(texts, threads: context.lanes.count)?.groups else {
            run(tokens, types, texts[...], into: hidden, context)
            return hidden
        }
        let profiles = context.runtime.profile.map { _ in context.lanes.map { _ in OperationProfile() } }
        for (index, lane) in context.lanes.enumerated() { lane.runtime.profile = profiles?[index] }
        context.runtime.pool.run(count: groups.count) { index, worker in
            let texts = texts[groups[index]]
            let rows = texts[groups[index].lowerBound].lowerBound..<texts[groups[index].upperBound - 1].upperBound
            run(
                UnsafeBufferPointer(rebasing: tokens[rows]),
                types.isEmpty ? types : UnsafeBufferPointer(rebasing: types[rows]), texts, into: hidden.rows(rows),
                context.lanes[worker])
        }
        if let profiles { context.runtime.profile?.add(meanOf: profiles) }
        return hidden
    }

    /// Neighbouring texts through all layers.
    private func run(
        _ tokens: UnsafeBufferPointer<Int32>, _ types: UnsafeBufferPointer<Int32>, _ texts: ArraySlice<Range<Int>>,
        into hidden: Matrix, _ context: EncoderContext
    ) {
        context.begin(texts, types: types, positionOffset: configuration.positionOffset)
        embeddings(tokens, into: hidden, context)
        for layer in layers { layer(hidden, context) }
    }
}
