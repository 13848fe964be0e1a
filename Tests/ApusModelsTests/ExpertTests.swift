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

    private func session(
        _ model: String, _ element: ElementType = .float32, _ quantization: Quantization? = nil
    ) throws -> DecoderSession {
        let directory = ModelFixtures.directory(model)
        let decoder = try ModelLoader(directory: directory, elementType: element, quantization: quantization)
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

    /// Quantised experts say nearly what they were made of, and nearly the same experts are visited.
    @Test(arguments: ModelFixtures.experts, [Quantization.w8a8Int8, .int4(groupSize: 32)])
    func quantisedExpertsStayNear(_ model: String, _ quantization: Quantization) throws {
        let exact = try session(model, .bfloat16)
        let rounded = try session(model, .bfloat16, quantization)
        let shape = try #require(exact.decoder?.configuration.experts)
        var errors: [Float] = []
        var moved = 0, visits = 0
        for golden in try ModelGolden.all(model) {
            let listeners = [Listener(), Listener()]
            var all: [[[Float]]] = []
            for (session, listener) in zip([exact, rounded], listeners) {
                session.observer = listener
                all.append(logits(session, golden.prompt, kept: 0..<golden.prompt.count))
                session.observer = nil
            }
            for (p, q) in zip(all[0], all[1]) {
                let error = zip(p, q).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
                errors.append(error / p.reduce(0) { $0 + $1 * $1 })
            }
            for (layer, experts) in listeners[0].layers {
                var counts = [Int](repeating: 0, count: shape.count)
                for expert in experts { counts[Int(expert)] += 1 }
                for expert in listeners[1].layers[layer] ?? [] { counts[Int(expert)] -= 1 }
                moved += counts.reduce(0) { $0 + abs($1) } / 2
                visits += experts.count
            }
        }
        // Where a close choice falls the other way a row is another one; most are not.
        let median = errors.sorted()[errors.count / 2]
        #expect(median < (quantization == .w8a8Int8 ? 0.005 : 0.3) && median > 0)
        #expect(moved * 100 < visits * (quantization == .w8a8Int8 ? 3 : 15))
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
