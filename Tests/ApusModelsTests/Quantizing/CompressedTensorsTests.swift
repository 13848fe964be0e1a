import ApusCheckpoint
import ApusCore
import ApusTensor
import ApusTestSupport
import Testing

@testable import ApusModels

/// Checkpoints that the compressed-tensors library has written, against what it makes of them itself
/// (`Tests/Fixtures/models/make_quantised_goldens.py`, which also lets the library read what Apus writes).
@Suite struct CompressedTensorsTests {
    private func floats(_ golden: Safetensors, _ bytes: UnsafeRawBufferPointer, _ name: String) throws -> [Float] {
        let entry = try #require(golden.entries.first { $0.name == name })
        return (0..<entry.shape.reduce(1, *)).map {
            bytes.loadUnaligned(fromByteOffset: entry.range.lowerBound + $0 * 4, as: Float.self)
        }
    }

    /// Weights have the library's bits. Logits differ by what is quantised here and not there: the tied head, for int4
    /// also activations.
    @Test(arguments: ["quantised-w8a8", "quantised-w4a16-32", "quantised-w4a16-128"])
    func readsWhatTheLibraryWrites(_ model: String) throws {
        let file = try MappedFile(path: ModelFixtures.golden(model))
        let golden = try Safetensors(file)
        let loader = try ModelLoader(directory: ModelFixtures.directory(model), elementType: .float32)
        let decoder = try loader.load(TensorRuntime(threads: 2))
        for name in ["model.layers.0.self_attn.q_proj.weight", "model.layers.0.mlp.down_proj.weight"] {
            let found = try #require(decoder.catalog.rows(of: name, first: .max))
            #expect(try found.rows.flatMap(\.self) == floats(golden, file.bytes, name))
        }
        let slots = (0..<Int32(16)).map { $0 }
        for index in 0..<3 {
            let expected = try floats(golden, file.bytes, "logits.\(index)")
            let prompt = try floats(golden, file.bytes, "prompt.\(index)").map { Int32(bitPattern: $0.bitPattern) }
            let session = try DecoderSession(decoder, slotCount: 16, contextLength: 16)
            let logits = slots.withUnsafeBufferPointer { slots in
                prompt.withUnsafeBufferPointer { tokens in
                    session.run(
                        tokens,
                        sequences: [.init(range: 0..<tokens.count, position: 0, slots: slots.baseAddress!)])
                }
                return [Int32(prompt.count - 1)].withUnsafeBufferPointer { Array(session.logits(rows: $0)[0]) }
            }
            let size = expected.reduce(0) { $0 + $1 * $1 }
            let error = zip(expected, logits).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
            #expect(error < 0.001 * size, "\(error / size)")
            #expect(expected.count == logits.count)
        }
    }
}
