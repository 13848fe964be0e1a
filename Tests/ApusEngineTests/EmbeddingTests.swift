import ApusCheckpoint
import ApusCore
import ApusEngine
import ApusModels
import ApusTensor
import ApusTestSupport
import Testing

/// Models that make vectors, against transformers in float32.
struct EmbeddingTests {
    private static let names = [
        "embed-bert-mean", "embed-bert-cls", "embed-roberta-max", "embed-xlm-roberta", "embed-bert-cross",
        "embed-xlm-roberta-cross", "embed-qwen2", "embed-qwen2-mean", "embed-llama-reward", "embed-qwen2-reward",
    ]

    private func runner(
        _ name: String, _ element: ElementType, threads: Int = 2, pieceSize: Int = 4096
    ) throws -> EmbeddingRunner {
        let loader = try EmbeddingLoader(
            directory: ModelFixtures.directory(name), isAsked: false, elementType: element)
        let model = try loader.load(try TensorRuntime(threads: threads))
        return try EmbeddingRunner(model, tokenCapacity: 4096, pieceSize: pieceSize)
    }

    private func vectors(_ runner: EmbeddingRunner, _ goldens: [VectorGolden], generation: Int = 0) throws -> [[Float]]
    {
        var batch = EmbeddingBatch()
        batch.generation = generation
        for golden in goldens {
            let types = golden.types.contains(1) ? golden.types : []
            batch.append(golden.tokens, types: types, dimensions: nil)
        }
        return try runner.embed(batch)
    }

    @Test(arguments: names)
    func float32IsWhatTransformersHas(_ name: String) throws {
        let goldens = try VectorGolden.all(name)
        #expect(goldens.count == 5)
        for (found, golden) in zip(try vectors(runner(name, .float32), goldens), goldens) {
            #expect(found.count == golden.vector.count)
            for (a, b) in zip(found, golden.vector) { #expect(abs(a - b) < 1e-4 * max(1, abs(b))) }
            if found.count > 1 { #expect(cosine(found, golden.vector) > 0.99999) }
        }
    }

    /// Random weights of this width magnify rounding more than trained ones do.
    @Test(arguments: names.filter { !$0.hasSuffix("cross") && !$0.hasSuffix("reward") })
    func bfloat16IsNear(_ name: String) throws {
        let goldens = try VectorGolden.all(name)
        for (found, golden) in zip(try vectors(runner(name, .bfloat16), goldens), goldens) {
            #expect(cosine(found, golden.vector) > 0.995)
        }
    }

    /// A text's vector has the same bits alone, among others in any order, in pieces and on any number of threads.
    @Test(arguments: names, [ElementType.float32, .bfloat16])
    func companyDoesNotMatter(_ name: String, _ element: ElementType) throws {
        let goldens = try VectorGolden.all(name)
        let whole = try runner(name, element)
        let alone = try goldens.map { try vectors(whole, [$0])[0] }
        #expect(try vectors(whole, goldens) == alone)
        #expect(try vectors(whole, goldens.reversed()) == alone.reversed())
        #expect(try vectors(runner(name, element, threads: 1, pieceSize: 13), goldens) == alone)
    }

    /// Nor does it matter that threads take texts of their own through all layers when there are enough of them.
    @Test(arguments: ["embed-bert-mean", "embed-xlm-roberta"], [ElementType.float32, .bfloat16])
    func threadsTakeTextsOfTheirOwn(_ name: String, _ element: ElementType) throws {
        let goldens = try VectorGolden.all(name)
        let many = (0..<60).map { goldens[$0 * 7 % 5] }
        let lone = try runner(name, element, threads: 1)
        let alone = try goldens.map { try vectors(lone, [$0])[0] }
        let expected = (0..<60).map { alone[$0 * 7 % 5] }
        for threads in 1...3 {
            #expect(try vectors(runner(name, element, threads: threads), many) == expected)
        }
    }

    /// Batches of other weights in between change nothing; what is not the same model with other numbers is refused.
    @Test(arguments: ["embed-xlm-roberta", "embed-bert-cross", "embed-llama-reward", "embed-qwen2"])
    func otherWeights(_ name: String) throws {
        let directory = ModelFixtures.directory(name)
        let variant = ModelVariant(of: directory, seed: 5)
        let loader = try EmbeddingLoader(directory: directory, isAsked: false)
        let model = try loader.load(try TensorRuntime(threads: 2))
        let runner = try EmbeddingRunner(model, tokenCapacity: 1024)
        let library = ModelLibrary(
            replacing: EmbeddingShape(loader, weightByteCount: model.weightByteCount),
            on: model.runtime, room: { .max }
        ) { path, _ in try EmbeddingLoader(directory: path ?? directory, isAsked: false) }
        let goldens = try VectorGolden.all(name)
        func made(_ runner: EmbeddingRunner, _ generation: Int) throws -> [[Float]] {
            try vectors(runner, goldens, generation: generation)
        }
        let fresh = try made(
            EmbeddingRunner(
                EmbeddingLoader(directory: variant.path, isAsked: false).load(try TensorRuntime(threads: 1)),
                tokenCapacity: 1024), 0)
        let before = try made(runner, 0)
        runner.adopt(try library.check(variant.path, format: nil).load(pace: {}) { _ in }, as: 1)
        #expect(try made(runner, 1) == fresh && fresh != before)
        #expect(try made(runner, 0) == before)
        runner.drop(generation: 0)
        #expect(try made(runner, 1) == fresh)
        for other in Self.names + ["text-dense"] where other != name {
            #expect(throws: WeightFailure.self) {
                try library.check(ModelFixtures.directory(other), format: nil)
            }
        }
        variant.change { $0.removeLast(8) }
        #expect(throws: WeightFailure.self) { try library.check(variant.path, format: nil) }
    }

    @Test func dimensionsAreCutBeforeTheLength() throws {
        let golden = try VectorGolden.all("embed-qwen2")[2]
        var batch = EmbeddingBatch()
        batch.append(golden.tokens, types: [], dimensions: 5)
        let found = try runner("embed-qwen2", .float32).embed(batch)[0]
        let cut = Array(golden.vector.prefix(5))
        #expect(found.count == 5)
        #expect(abs(found.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
        #expect(cosine(found, cut) > 0.99999)
    }

    @Test func askedDecodersMakeVectorsAndOthersRefuse() throws {
        let directory = ModelFixtures.directory("qwen3")
        #expect(throws: ModelError.self) { try EmbeddingLoader(directory: directory, isAsked: false) }
        let loader = try EmbeddingLoader(directory: directory, isAsked: true, elementType: .float32)
        let runner = try EmbeddingRunner(loader.load(try TensorRuntime(threads: 1)), tokenCapacity: 64)
        var batch = EmbeddingBatch()
        batch.append([5, 6, 7], types: [], dimensions: nil)
        let vector = try runner.embed(batch)[0]
        #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
    }

    /// What a decoder's pool has been promised counts as taken; an encoder has none.
    @Test func otherWeightsFindRoomBesideThePool() throws {
        let encoder = try runner("embed-bert-mean", .float32)
        #expect(encoder.pool == nil)
        #expect(ModelLibrary.room(beside: encoder.pool) > 0)
        let loader = try EmbeddingLoader(
            directory: ModelFixtures.directory("embed-qwen2"), isAsked: false, elementType: .float32)
        let decoder = try EmbeddingRunner(loader.load(try TensorRuntime(threads: 1)), tokenCapacity: 1 << 20)
        let pool = try #require(decoder.pool)
        let promised = pool.untouchedByteCount
        #expect(promised >= 1 << 27)
        // Other programs take and give back memory meanwhile.
        let difference = ModelLibrary.room(beside: nil) - ModelLibrary.room(beside: pool)
        #expect(abs(difference - promised) < promised / 2)
    }

    private func cosine(_ a: [Float], _ b: [Float]) -> Double {
        func dot(_ a: [Float], _ b: [Float]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
        return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
    }
}
