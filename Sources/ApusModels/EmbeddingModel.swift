package import ApusCheckpoint
package import ApusCore
package import ApusTensor

/// A model that makes one vector of a text: body, pooling, and a head if its vectors are numbers for classes.
package final class EmbeddingModel {
    package enum Body {
        case decoder(Decoder)
        case encoder(Encoder)
    }

    package let body: Body
    package let pooling: Pooling
    /// nil: the vector is the pooled one.
    package let head: ClassificationHead?
    /// Vectors are divided by their length.
    package let normalizes: Bool
    package let runtime: TensorRuntime
    package let elementType: ElementType
    /// How the projections are kept; nil: in `elementType`.
    package let quantization: Quantization?
    /// What the checkpoint's tensors became.
    package let catalog: WeightCatalog

    init(
        _ body: Body, pooling: Pooling, head: ClassificationHead?, normalizes: Bool, loader: WeightLoader
    ) {
        self.body = body
        self.pooling = pooling
        self.head = head
        self.normalizes = normalizes
        runtime = loader.runtime
        elementType = loader.element
        quantization = loader.quantization
        catalog = loader.catalog
    }

    /// Width of the pooled vector.
    package var hiddenSize: Int {
        switch body {
        case .decoder(let decoder): decoder.configuration.hiddenSize
        case .encoder(let encoder): encoder.configuration.hiddenSize
        }
    }

    package var vocabularySize: Int {
        switch body {
        case .decoder(let decoder): decoder.configuration.vocabularySize
        case .encoder(let encoder): encoder.configuration.vocabularySize
        }
    }

    /// Longest text in tokens.
    package var contextLength: Int {
        switch body {
        case .decoder(let decoder): decoder.configuration.contextLength
        case .encoder(let encoder): encoder.configuration.contextLength
        }
    }

    /// Segments that token types may name.
    package var typeCount: Int {
        switch body {
        case .decoder: 1
        case .encoder(let encoder): encoder.configuration.typeCount
        }
    }

    /// Bytes of weights that stay in memory.
    package var weightByteCount: Int {
        let bodyBytes =
            switch body {
            case .decoder(let decoder): decoder.weightByteCount
            case .encoder(let encoder): encoder.weightByteCount
            }
        return bodyBytes + (head?.byteCount ?? 0)
    }
}
