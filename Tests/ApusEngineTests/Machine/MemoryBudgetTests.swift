import ApusCheckpoint
import ApusEngine
import ApusModels
import ApusTensor
import ApusTestSupport
import Testing

struct MemoryBudgetTests {
    private static let gigabyte = 1 << 30

    private func memory(_ capacity: Int, _ available: Double) -> SystemMemory {
        SystemMemory(capacity: capacity << 30, available: Int(available * Double(1 << 30)))
    }

    @Test func fractionsByTheRule() {
        // (24,576 - 512 - 1.5 x 4,096 - 128) / 24,576
        #expect(MemoryBudget.fraction(capacity: 24 << 30, chunkedPrefillSize: 4096) == 0.724)
        // A chunk below 2,048 counts as one: (16,384 - 512 - 3,072 - 128) / 16,384
        #expect(MemoryBudget.fraction(capacity: 16 << 30, chunkedPrefillSize: 256) == 0.773)
        // 10 GB are kept on large machines: (131,072 - 10,240) / 131,072
        #expect(MemoryBudget.fraction(capacity: 128 << 30, chunkedPrefillSize: 2048) == 0.922)
        #expect(MemoryBudget.fraction(capacity: 2 << 30, chunkedPrefillSize: 2048) == 0.5)
        #expect(
            [8, 24, 100, 400].map { MemoryBudget.chunkedPrefillSize(capacity: $0 << 30) } == [2048, 4096, 8192, 16_384])
    }

    @Test func thePoolIsWhatLoadingLeft() throws {
        let budget = try MemoryBudget(
            before: memory(24, 20), after: memory(24, 18), bytesPerToken: 12_288, fraction: 0.5,
            chunkedPrefillSize: 4096)
        // 18 GB less half of 20 GB.
        #expect(budget.tokenCount == 8 * Self.gigabyte / 12_288)
        #expect(budget.remaining >= 10 * Self.gigabyte && budget.remaining < 10 * Self.gigabyte + 12_288)
        #expect(
            budget.summary == "KV pool: 699050 tokens of 12288 bytes, 8.00 GB of 24.00 GB "
                + "(mem_fraction_static 0.500, 10.00 GB stay free)")
    }

    @Test func weightsThatNeverFitAreRefused() throws {
        try MemoryBudget.check(weights: 3 * Self.gigabyte, in: memory(4, 1))
        let error = #expect(throws: MemoryBudget.Failure.self) {
            try MemoryBudget.check(weights: 5 * Self.gigabyte, in: memory(4, 4))
        }
        #expect(
            error?.description == "the weights take 5.00 GB of memory, and this process may use 4.00 GB in all")
    }

    /// What is told before loading is what loading takes, but for vectors and tables.
    @Test(arguments: [nil, .w8a8Int8, Quantization.int4(groupSize: 32)])
    func aLoaderKnowsWhatWeightsWillTake(quantization: Quantization?) throws {
        let loader = try ModelLoader(directory: ModelFixtures.directory("qwen2"), quantization: quantization)
        let decoder = try loader.load(TensorRuntime(threads: 1))
        let report = WeightReport(decoder.catalog, decoder.runtime)
        let packed = report.lines.filter { $0.arithmetic != nil }.map(\.byteCount).reduce(0, +)
        #expect(
            packed > 0 && (packed...report.byteCount).contains(loader.weightByteCount),
            "\(loader.weightByteCount) of \(packed) and \(report.byteCount)")
    }

    @Test func neverMoreThanIsFree() throws {
        let budget = try MemoryBudget(
            before: memory(24, 2), after: memory(24, 3), bytesPerToken: 1 << 20, fraction: 1,
            chunkedPrefillSize: 4096)
        #expect(budget.tokenCount == 3072)
        #expect(budget.remaining == 0)
    }

    @Test func limitsLowerThePool() throws {
        func tokens(_ limit: Int?, page: Int) throws -> Int {
            try MemoryBudget(
                before: memory(8, 8), after: memory(8, 7), bytesPerToken: 1 << 20, fraction: 0.5,
                chunkedPrefillSize: 2048, maxTotalTokens: limit, pageSize: page
            ).tokenCount
        }
        #expect(try tokens(nil, page: 1) == 3072)
        #expect(try tokens(1000, page: 1) == 1000)
        #expect(try tokens(1000, page: 64) == 960)
        #expect(try tokens(5000, page: 1) == 3072)
        #expect(throws: MemoryBudget.Failure.self) { try tokens(10, page: 64) }
    }

    @Test func refusesWithAFractionThatWorks() throws {
        let before = memory(16, 15)
        let after = memory(16, 5)
        let error = try #require(throws: MemoryBudget.Failure.self) {
            try MemoryBudget(
                before: before, after: after, bytesPerToken: 4096, fraction: 0.6, chunkedPrefillSize: 2048)
        }
        #expect(
            error.description == "no memory is left for the KV pool: 5.00 GB are free after loading, "
                + "--mem-fraction-static is 0.600; try --mem-fraction-static 0.700")
        let budget = try MemoryBudget(
            before: before, after: after, bytesPerToken: 4096, fraction: 0.7, chunkedPrefillSize: 2048)
        #expect(budget.tokenCount > 100_000)
        let hopeless = try #require(throws: MemoryBudget.Failure.self) {
            try MemoryBudget(
                before: before, after: memory(16, 0), bytesPerToken: 4096, chunkedPrefillSize: 2048)
        }
        #expect(hopeless.description.hasSuffix("use a smaller model or give the process more memory"))
    }
}
