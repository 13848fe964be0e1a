package import ApusModels

/// A decoder on its way from the thread that loaded it to the worker that runs it.
///
/// `@unchecked Sendable`: the loading thread lets go of it when it is handed over, and nothing in it changes after.
package final class LoadedDecoder: ResidentWeights, @unchecked Sendable {
    let decoder: Decoder

    package init(_ decoder: Decoder) {
        self.decoder = decoder
    }
}

/// The same of a model that makes vectors.
///
/// `@unchecked Sendable`: the loading thread lets go of it when it is handed over, and nothing in it changes after.
package final class LoadedEmbeddingModel: ResidentWeights, @unchecked Sendable {
    let model: EmbeddingModel

    init(_ model: EmbeddingModel) {
        self.model = model
    }
}

extension ModelRunner {
    package func adopt(_ weights: any ResidentWeights, as generation: Int) {
        guard let loaded = weights as? LoadedDecoder else { preconditionFailure("weights of another kind of worker") }
        keep(loaded.decoder, as: generation)
    }

    package func readWeights(
        _ generation: Int, _ name: String, rowCount: Int
    ) -> (shape: [Int], rows: [[Float]])? {
        decoder(generation)?.catalog.rows(of: name, first: rowCount)
    }
}
