import ApusJSON
import Testing

@testable import apus_bench

@Suite struct CeilingTests {
    /// A machine of 1,000 operations and 100 bytes a second; a model of 10 operations a token and 50 bytes.
    private func ceiling(_ change: JSONObject = [:]) throws -> Ceiling {
        var model: JSONObject = [
            "peak": 1000.0, "attention_peak": 500.0, "token_operations": 8.0, "head_operations": 2.0,
            "pair_operations": 0.0, "weight_bytes": 50.0, "expert_bytes": 0.0, "expert_share": 0.0, "kv_bytes": 1,
        ]
        for member in change { model[member.key] = member.value }
        return try Ceiling(["bandwidth": 100.0, "model": .object(model)], path: "limits.json")
    }

    private func request(_ prompt: Int, cached: Int = 0, output: Int) -> Measurement {
        var measured = Measurement(start: 0)
        (measured.promptTokens, measured.cachedTokens, measured.outputTokens) = (prompt, cached, output)
        return measured
    }

    @Test func promptsCostOperations() throws {
        // 100 x 8 + 2 operations; half of the prompt from the cache.
        #expect(abs(try ceiling().seconds([request(100, output: 1)], concurrency: 1) - 0.802) < 1e-9)
        #expect(abs(try ceiling().seconds([request(100, cached: 50, output: 1)], concurrency: 1) - 0.402) < 1e-9)
    }

    @Test func streamsShareTheWeights() throws {
        // Ten steps of (50 + 100 + 5.5) bytes.
        let alone = try ceiling().seconds([request(100, output: 11)], concurrency: 1)
        #expect(abs(alone - 0.802 - 10 * 1.555) < 1e-9)
        let two = try ceiling().seconds([request(100, output: 11), request(100, output: 11)], concurrency: 2)
        #expect(abs(two - 2 * 0.802 - 10 * (50 + 2 * 105.5) / 100) < 1e-9)
    }

    @Test func attentionHasAPeakOfItsOwn() throws {
        // 100 x 100 / 2 pairs of 1 operation, twice as slow as those of weights.
        let seconds = try ceiling(["pair_operations": 1.0]).seconds([request(100, output: 1)], concurrency: 1)
        #expect(abs(seconds - 0.802 - 10) < 1e-9)
    }

    @Test func expertsAreReadByThoseWhoVisitThem() throws {
        // Steps of 50 + 40 (1 - 0.75 ^ streams) + streams x 105.5 bytes.
        let sparse = try ceiling(["expert_bytes": 40.0, "expert_share": 0.25])
        let alone = try sparse.seconds([request(100, output: 11)], concurrency: 1)
        #expect(abs(alone - 0.802 - 10 * (50 + 10 + 105.5) / 100) < 1e-9)
        let two = try sparse.seconds([request(100, output: 11), request(100, output: 11)], concurrency: 2)
        #expect(abs(two - 2 * 0.802 - 10 * (50 + 17.5 + 211) / 100) < 1e-9)
    }

    @Test func filesMustBeWhole() {
        #expect(throws: HTTPFailure.self) { try Ceiling(["bandwidth": 1.0], path: "limits.json") }
    }
}
