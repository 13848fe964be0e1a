import ApusCheckpoint
import ApusCore
import ApusJSON
import ApusTensor
import ApusTestSupport
import Testing

@testable import ApusModels

@Suite struct CheckpointQuantizerTests {
    static let schemes: [Quantization] = [.w8a8Int8, .int4(groupSize: 32)]

    private func logits(_ loader: ModelLoader, threads: Int = 2) throws -> [Float] {
        let decoder = try loader.load(TensorRuntime(threads: threads))
        let session = try DecoderSession(decoder, slotCount: 16, contextLength: 16)
        let slots = (0..<Int32(16)).map { $0 }
        return slots.withUnsafeBufferPointer { slots in
            [Int32](arrayLiteral: 5, 17, 99, 3).withUnsafeBufferPointer { tokens in
                session.run(tokens, sequences: [.init(range: 0..<4, position: 0, slots: slots.baseAddress!)])
            }
            return [Int32(3)].withUnsafeBufferPointer { Array(session.logits(rows: $0)[0]) }
        }
    }

    /// What is written is what quantising at load makes, bit for bit, and needs no flag.
    @Test(arguments: schemes) func aWrittenCheckpointIsTheOneMadeAtLoad(_ scheme: Quantization) throws {
        let model = ModelFixtures.directory("llama-scaled")
        let place = TemporaryDirectory()
        let output = "\(place.path)/out"
        let original = try ModelLoader(directory: model, quantization: scheme)
        try CheckpointQuantizer(original, TensorRuntime(threads: 2)).write(to: output) { _ in }
        let written = try ModelLoader(directory: output)
        #expect(written.quantization == scheme)
        #expect(try logits(written) == logits(original))
        #expect(try logits(written) != logits(ModelLoader(directory: model)))
        #expect(throws: ModelError.self) {
            try ModelLoader(directory: output, quantization: scheme == .w8a8Int8 ? .int4(groupSize: 128) : .w8a8Int8)
        }
        #expect(throws: ModelError.self) { try CheckpointQuantizer(written, TensorRuntime(threads: 1)) }
        #expect(throws: CheckpointError.self) {
            try CheckpointQuantizer(original, TensorRuntime(threads: 1)).write(to: output) { _ in }
        }
    }

    /// Experts are projections like others; who decides whom a token visits keeps its numbers, also for other readers.
    @Test(arguments: ["qwen2-moe", "mixtral", "mixtral-fused"])
    func expertsAreQuantisedAndRoutersAreNot(_ model: String) throws {
        let place = TemporaryDirectory()
        let output = "\(place.path)/out"
        let original = try ModelLoader(directory: ModelFixtures.directory(model), quantization: .w8a8Int8)
        try CheckpointQuantizer(original, TensorRuntime(threads: 2)).write(to: output) { _ in }
        let written = try ModelLoader(directory: output)
        #expect(try logits(written) == logits(original))
        let router = model == "mixtral" ? "model.layers.0.block_sparse_moe.gate" : "model.layers.0.mlp.gate"
        let checkpoint = try Checkpoint(directory: output)
        #expect(checkpoint.contains("\(router).weight") && !checkpoint.contains("\(router).weight_scale"))
        let members = try JSONValue(parsing: ModelVariant.bytes(of: "\(output)/config.json"), options: .files)
        let ignored = members["quantization_config"]?["ignore"]?.arrayValue ?? []
        #expect(ignored.contains(.string(router)))
        let formats = try written.load(TensorRuntime(threads: 1)).catalog.report.map { "\($0.kind) \($0.dtype)" }
        #expect(formats.contains("projection int8") && formats.contains("router float32"))
        #expect(!formats.contains("projection bfloat16"))
    }

    /// Quantised weights are near the ones that they were made of.
    @Test(arguments: schemes) func staysNear(_ scheme: Quantization) throws {
        let directory = ModelFixtures.directory("llama-scaled")
        let exact = try logits(ModelLoader(directory: directory, elementType: .float32))
        let rounded = try logits(ModelLoader(directory: directory, elementType: .float32, quantization: scheme))
        let size = exact.reduce(0) { $0 + $1 * $1 }
        let error = zip(exact, rounded).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        #expect(error < (scheme == .w8a8Int8 ? 0.001 : 0.05) * size && error > 0)
    }

    /// The survey that precedes loading finds what does not fit.
    @Test func aQuantisedCheckpointIsCheckedBeforeItIsRead() throws {
        let place = TemporaryDirectory()
        let output = "\(place.path)/out"
        let loader = try ModelLoader(
            directory: ModelFixtures.directory("llama-scaled"), quantization: .int4(groupSize: 32))
        try CheckpointQuantizer(loader, TensorRuntime(threads: 1)).write(to: output) { _ in }
        #expect(throws: Never.self) { try ModelLoader(directory: output) }
        let shard = "out/model-00002-of-00002.safetensors"
        var bytes = ModelVariant.bytes(of: "\(place.path)/\(shard)")
        let range = try #require(bytes.firstRange(of: Array("\"I32\"".utf8)))
        bytes.replaceSubrange(range, with: "\"U32\"".utf8)
        place.write(bytes, to: shard)
        #expect(throws: CheckpointError.self) { try ModelLoader(directory: output) }
    }
}
