import ApusCheckpoint
import ApusCore
import ApusJSON
import ApusModels
import ApusTensor
import ApusTestSupport
import Testing

struct ExpertTests {
    private final class Listener: RoutingObserver {
        var layers: [Int: [Int32]] = [:]

        func note(layer: Int, _ experts: [Int32]) {
            precondition(layers[layer] == nil, "a layer is noted once a step")
            layers[layer] = experts
        }
    }

    private func session(_ model: String, _ element: ElementType = .float32) throws -> DecoderSession {
        let decoder = try ModelLoader(directory: ModelFixtures.directory(model), elementType: element)
            .load(TensorRuntime(threads: 2))
        return try DecoderSession(decoder, slotCount: 128, contextLength: 128)
    }

    /// Logits of the kept rows of a prompt.
    private func logits(_ session: DecoderSession, _ prompt: [Int32], kept: Range<Int>) -> [[Float]] {
        let slots = (0..<Int32(128)).map { $0 }
        return slots.withUnsafeBufferPointer { slots in
            prompt.withUnsafeBufferPointer { tokens in
                session.run(
                    tokens,
                    sequences: [
                        .init(range: 0..<prompt.count, position: 0, slots: slots.baseAddress!, kept: kept)
                    ])
            }
            guard !kept.isEmpty else { return [] }
            let rows = (0..<Int32(kept.count)).map { $0 }
            let logits = rows.withUnsafeBufferPointer { session.logits(rows: $0) }
            return (0..<logits.rows).map { Array(logits[$0]) }
        }
    }

    /// Every row's choice in every layer, the last one's rows that go no further included; and listening changes nothing.
    @Test(arguments: ModelFixtures.experts)
    func tokensVisitWhomTransformersSays(_ model: String) throws {
        let session = try session(model)
        let configuration = try #require(session.decoder?.configuration)
        let experts = try #require(configuration.experts)
        for golden in try ModelGolden.all(model) {
            let count = golden.prompt.count
            for kept in [count - 1..<count, 0..<count, 0..<0] {
                let silent = logits(session, golden.prompt, kept: kept)
                let listener = Listener()
                session.observer = listener
                #expect(logits(session, golden.prompt, kept: kept) == silent)
                session.observer = nil
                #expect(listener.layers.count == experts.sparseLayers.count { $0 })
                for layer in 0..<configuration.layerCount {
                    let range = layer * count * experts.chosen..<(layer + 1) * count * experts.chosen
                    let expected = Array(golden.experts[range])
                    #expect(
                        experts.sparseLayers[layer]
                            ? listener.layers[layer] == expected : expected.allSatisfy { $0 == -1 })
                }
            }
        }
    }

    /// Each expert in tensors of its own, or all in one: the same bits.
    @Test(arguments: [ElementType.float32, .bfloat16]) func bothFormsOfACheckpoint(_ element: ElementType) throws {
        let apart = try session("mixtral", element), fused = try session("mixtral-fused", element)
        for golden in try ModelGolden.all("mixtral") {
            let rows = 0..<golden.prompt.count
            #expect(logits(apart, golden.prompt, kept: rows) == logits(fused, golden.prompt, kept: rows))
        }
        #expect(apart.decoder?.weightByteCount == fused.decoder?.weightByteCount)
    }

    @Test func missingExpertsAreNamed() throws {
        let directory = ModelFixtures.directory("qwen2-moe")
        #expect(
            throws: CheckpointError.missingTensor(
                directory: directory, tensor: "model.layers.0.mlp.experts.8.gate_proj.weight")
        ) {
            _ = try ModelLoader(directory: directory, overrides: ["num_experts": 9])
        }
        let fused = ModelFixtures.directory("qwen3-moe")
        #expect(
            throws: CheckpointError.wrongShape(
                path: "\(fused)/model.safetensors", tensor: "model.layers.1.mlp.experts.gate_up_proj",
                found: [16, 32, 40], expected: [17, 32, 40])
        ) {
            _ = try ModelLoader(directory: fused, overrides: ["num_experts": 17, "num_local_experts": .null])
        }
    }

    @Test func randomWeightsNeedNoFile() throws {
        let directory = TemporaryDirectory()
        for model in ["mixtral", "qwen2-moe"] {
            directory.write(ModelVariant.bytes(of: "\(ModelFixtures.directory(model))/config.json"), to: "config.json")
            let decoder = try ModelLoader(directory: directory.path, weights: .random).load(TensorRuntime(threads: 1))
            #expect(decoder.weightByteCount == (try session(model, .bfloat16).decoder?.weightByteCount))
        }
    }
}
