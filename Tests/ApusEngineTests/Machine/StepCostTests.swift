import ApusCheckpoint
import ApusCore
import ApusModels
import ApusTestSupport
import Testing

@testable import ApusEngine
@testable import ApusTensor

/// The roofline: what is counted is what is read and multiplied.
@Suite struct StepCostTests {
    private let machine = MachineLimits(
        threads: 2, bandwidths: [(1, 1e9), (2, 2e9)],
        peaks: [
            .init(set: "a", number: .float32, one: 1e12, all: 1e12),
            .init(set: "b", number: .bfloat16, one: 2e12, all: 4e12),
            .init(set: "c", number: .int8, one: 4e12, all: 8e12),
        ], barrier: 1e-6)

    private func cost(
        _ model: String, _ quantization: Quantization? = nil, _ element: ElementType = .bfloat16
    ) throws -> (StepCost, ModelLoader) {
        let loader = try ModelLoader(
            directory: ModelFixtures.directory(model), elementType: element, quantization: quantization)
        return (
            StepCost(loader.configuration, elementType: element, quantization: loader.quantization, kvBytes: 100),
            loader
        )
    }

    @Test(arguments: [
        (PackedWeight.Format.float32, 4.0), (.bfloat16, 2), (.int8, 1), (.int4(groupSize: 32), 0.5 + 2.0 / 32),
        (.int4(groupSize: 128), 0.5 + 4.0 / 128),
    ])
    func aNumberTakesItsShareOfTheScales(format: PackedWeight.Format, bytes: Double) {
        #expect(format.bytesPerNumber == bytes)
    }

    /// Bytes that a step reads at least are those that multiplied weights take in memory, but for padding.
    @Test(arguments: [
        ("quantised-w4a16-32", nil), ("quantised-w4a16-128", nil), ("quantised-w8a8", Quantization?.none),
    ])
    func bytesAreThoseOfPackedWeights(model: String, quantization: Quantization?) throws {
        let (cost, loader) = try cost(model, quantization)
        let decoder = try loader.load(TensorRuntime(threads: 1))
        let packed = WeightReport(decoder.catalog, decoder.runtime).lines.filter { $0.arithmetic != nil }
        let bytes = packed.map(\.byteCount).reduce(0, +)
        let counted = cost.sharedBytes + cost.expertBytes
        #expect(counted <= Double(bytes) && counted > 0.85 * Double(bytes), "\(counted) of \(bytes)")
    }

    @Test func attentionIsNeverMultipliedIn8Bits() throws {
        let (plain, _) = try cost("qwen2")
        let (quantised, _) = try cost("qwen2", .w8a8Int8)
        let (wide, _) = try cost("qwen2", nil, .float32)
        #expect(plain.number == .bfloat16 && plain.attentionNumber == .bfloat16)
        #expect(quantised.number == .int8 && quantised.attentionNumber == .bfloat16)
        #expect(wide.number == .float32 && wide.attentionNumber == .float32)
        let length = 100_000
        let pairs = Double(length) * Double(length + 1) / 2 * Double(plain.pairOperations) / 4e12
        let weights = plain.tokenOperations * Double(length) + 2 * Double(plain.headWeights)
        #expect(abs(plain.prefillSeconds(length: length, on: machine) / (pairs + weights / 4e12) - 1) < 1e-9)
        #expect(abs(quantised.prefillSeconds(length: length, on: machine) / (pairs + weights / 8e12) - 1) < 1e-9)
    }

    @Test func streamsReadWeightsOnceAndTheirOwnKeys() throws {
        let (cost, _) = try cost("qwen2")
        for (batch, context) in [(1, 10), (4, 1000)] {
            let bytes = cost.sharedBytes + Double(batch * context * 100)
            #expect(abs(cost.decodeSeconds(batch: batch, context: context, on: machine) / (bytes / 2e9) - 1) < 1e-9)
        }
        let (sparse, _) = try self.cost("qwen2-moe")
        #expect(sparse.expertShare > 0 && sparse.expertShare < 1)
        let one = sparse.weightBytes(rows: 1), two = sparse.weightBytes(rows: 2)
        #expect(abs(one - sparse.sharedBytes - sparse.expertBytes * sparse.expertShare) < 1)
        #expect(two > one && two < 2 * one && sparse.weightBytes(rows: 1000) <= sparse.sharedBytes + sparse.expertBytes)
    }
}
