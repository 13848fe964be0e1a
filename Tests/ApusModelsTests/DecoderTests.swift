import ApusCheckpoint
import ApusCore
import ApusJSON
import ApusModels
import ApusTensor
import ApusTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct DecoderTests {
    private func session(
        _ model: String, _ element: ElementType, kernels: String? = nil, slots: Int = 256
    ) throws -> DecoderSession {
        let runtime = try TensorRuntime(threads: 2, kernels: kernels)
        let decoder = try ModelLoader(directory: ModelFixtures.directory(model), elementType: element).load(runtime)
        return try DecoderSession(decoder, slotCount: slots, contextLength: slots)
    }

    /// Logits of all rows of a prompt, run whole.
    private func logits(_ session: DecoderSession, _ prompt: [Int32]) -> [[Float]] {
        let slots = (0..<Int32(session.pool.slotCount)).reversed().map { $0 }
        return slots.withUnsafeBufferPointer { slots in
            prompt.withUnsafeBufferPointer { tokens in
                session.run(
                    tokens,
                    sequences: [.init(range: 0..<prompt.count, position: 0, slots: slots.baseAddress!)])
            }
            let rows = (0..<Int32(prompt.count)).map { $0 }
            let logits = rows.withUnsafeBufferPointer { session.logits(rows: $0) }
            return (0..<logits.rows).map { Array(logits[$0]) }
        }
    }

    private func logSoftmax(_ row: [Float]) -> [Double] {
        let maximum = Double(row.max()!)
        let sum = row.reduce(0) { $0 + exp(Double($1) - maximum) }
        return row.map { Double($0) - maximum - log(sum) }
    }

    @Test(arguments: ModelFixtures.names)
    func float32AgreesWithTransformers(_ model: String) throws {
        for kernels in TensorRuntime.availableKernels where kernels != "amx-soft" {
            let session = try session(model, .float32, kernels: kernels)
            for (index, golden) in try ModelGolden.all(model).enumerated() {
                let logits = logits(session, golden.prompt)
                let last = logits[logits.count - 1]
                let difference = zip(last, golden.logits).map { abs($0 - $1) }.max()!
                #expect(difference < 1e-4, "\(kernels), prompt \(index)")
                for (position, expected) in golden.logprobs.enumerated() {
                    let logprob = logSoftmax(logits[position])[Int(golden.prompt[position + 1])]
                    #expect(abs(logprob - Double(expected)) < 1e-4, "\(kernels), prompt \(index), \(position)")
                }
            }
        }
    }

    /// bfloat16 is judged by the divergence of its distributions from float32's.
    @Test(arguments: ModelFixtures.names)
    func bfloat16StaysNearFloat32(_ model: String) throws {
        let exact = try session(model, .float32)
        let rounded = try session(model, .bfloat16)
        for golden in try ModelGolden.all(model) {
            let expected = logits(exact, golden.prompt).map(logSoftmax)
            let found = logits(rounded, golden.prompt).map(logSoftmax)
            var divergence = 0.0
            for (p, q) in zip(expected, found) {
                divergence += zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) } / Double(expected.count)
            }
            #expect(divergence < 0.02 && divergence > 1e-9)
        }
    }

    @Test func refusesUnknownArchitectures() throws {
        let directory = ModelFixtures.directory("qwen2")
        let error = #expect(throws: ModelError.self) {
            try ModelLoader(directory: directory, overrides: ["architectures": ["GPT2LMHeadModel"]])
        }
        #expect(
            error?.description == "architecture 'GPT2LMHeadModel' is not supported; supported are "
                + "LlamaForCausalLM, MistralForCausalLM, MixtralForCausalLM, Qwen2ForCausalLM, Qwen2MoeForCausalLM, "
                + "Qwen3ForCausalLM, Qwen3MoeForCausalLM")
    }

    /// Before any number is read.
    @Test func namesTheTensorThatDoesNotFit() throws {
        let directory = ModelFixtures.directory("qwen2")
        let path = "\(directory)/model.safetensors"
        #expect(
            throws: CheckpointError.wrongShape(
                path: path, tensor: "model.layers.0.mlp.gate_proj.weight", found: [80, 56], expected: [81, 56])
        ) {
            _ = try ModelLoader(directory: directory, overrides: ["intermediate_size": 81])
        }
        #expect(
            throws: CheckpointError.missingTensor(
                directory: directory, tensor: "model.layers.2.mlp.gate_proj.weight")
        ) {
            let overrides: JSONObject = ["num_hidden_layers": 3, "layer_types": .null]
            _ = try ModelLoader(directory: directory, overrides: overrides)
        }
        #expect(throws: CheckpointError.missingTensor(directory: directory, tensor: "lm_head.weight")) {
            _ = try ModelLoader(directory: directory, overrides: ["tie_word_embeddings": false])
        }
    }

    @Test func reportsProgressUpToTheEnd() throws {
        let runtime = try TensorRuntime(threads: 1)
        let loader = try ModelLoader(directory: ModelFixtures.directory("llama-scaled"))
        var reports: [(done: Int, total: Int)] = []
        let decoder = try loader.load(runtime) { reports.append(($0, $1)) }
        #expect(zip(reports, reports.dropFirst()).allSatisfy { $0.done < $1.done })
        let last = try #require(reports.last)
        // Headers are the only bytes that are not tensors.
        #expect(last.done <= last.total && last.total - last.done < 8192)
        #expect(decoder.weightByteCount > 200_000)
        #expect(loader.endTokenIDs == [383, 381])
    }

    @Test func loadsRandomWeightsWithoutAFile() throws {
        let directory = TemporaryDirectory()
        let config = try ModelConfiguration(directory: ModelFixtures.directory("qwen3"))
        directory.write(JSONValue.object(config.members).serialized, to: "config.json")
        #expect(throws: CheckpointError.self) { try ModelLoader(directory: directory.path) }
        let loader = try ModelLoader(directory: directory.path, weights: .random, elementType: .float32)
        var answers: [[[Float]]] = []
        for _ in 0..<2 {
            let decoder = try loader.load(TensorRuntime(threads: 2))
            let session = try DecoderSession(decoder, slotCount: 16, contextLength: 16)
            answers.append(logits(session, [1, 2, 3]))
        }
        #expect(answers[0] == answers[1])
        #expect(answers[0][0] != answers[0][1])
        let finite = answers[0].joined().allSatisfy(\.isFinite)
        #expect(finite)
    }

    @Test func slotsMayLieAnywhere() throws {
        let golden = try ModelGolden.all("qwen3")[1]
        let session = try session("qwen3", .bfloat16, slots: 64)
        let reversed = logits(session, golden.prompt)
        let slots = (0..<Int32(64)).shuffled()
        let shuffled = slots.withUnsafeBufferPointer { slots in
            golden.prompt.withUnsafeBufferPointer {
                session.run(
                    $0, sequences: [.init(range: 0..<golden.prompt.count, position: 0, slots: slots.baseAddress!)])
            }
            return [Int32(golden.prompt.count - 1)].withUnsafeBufferPointer { Array(session.logits(rows: $0)[0]) }
        }
        #expect(shuffled == reversed.last)
    }
}
