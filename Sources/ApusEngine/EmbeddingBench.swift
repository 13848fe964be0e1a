import ApusCore
package import ApusModels
import ApusTensor

/// Times batches of texts of a model that makes vectors, without a server and without a tokenizer.
package final class EmbeddingBench {
    private let runner: EmbeddingRunner
    private let runtime: TensorRuntime

    /// - Parameter tokenCapacity: Tokens of the largest batch.
    package init(_ model: EmbeddingModel, tokenCapacity: Int) throws {
        runtime = model.runtime
        runner = try EmbeddingRunner(model, tokenCapacity: tokenCapacity)
    }

    package func run(texts: Int, length: Int, seconds: Double) throws -> BenchOutcome {
        var random = SplitMix64(seed: 11)
        var batch = EmbeddingBatch()
        return try BenchOutcome(runtime, seconds: seconds) {
            batch.removeAll()
            for _ in 0..<texts {
                let ids = (0..<length).map { _ in Int32(random.next() % UInt64(runner.vocabularySize)) }
                batch.append(ids, types: [], dimensions: nil)
            }
        } step: {
            _ = try runner.embed(batch)
        }
    }
}
