import ApusCheckpoint
import ApusCore
import ApusModels
import ApusTestSupport
import Testing

@testable import ApusEngine

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Other weights for a runner: what fits, what does not, and that nothing else changes.
@Suite struct WeightTests {
    private let fixture = ModelFixtures.directory("qwen2")
    private let prompt: [Int32] = [5, 17, 99, 3, 250, 41, 7]

    private func library(
        _ harness: RunnerHarness, room: Int = .max, quantization: Quantization? = nil
    ) throws -> ModelLibrary {
        let decoder = try #require(harness.runner.decoder(0))
        return ModelLibrary(replacing: decoder, room: { room }) { [fixture] path, _ in
            try ModelLoader(directory: path ?? fixture, elementType: .bfloat16, quantization: quantization)
        }
    }

    private func load(_ library: ModelLibrary, _ path: String?) throws -> any ResidentWeights {
        var pieces = 0
        let weights = try library.check(path, format: nil).load(pace: { pieces += 1 }) { share in
            #expect(share > 0 && share <= 1)
        }
        #expect(pieces > 20)
        return weights
    }

    /// Tokens and log probabilities of a request that runs alone.
    private func generate(
        _ harness: RunnerHarness, generation: Int = 0
    ) throws -> (ids: [Int32], logprobs: [PositionLogprobs]) {
        let sequence = RunningSequence.greedy(prompt, wantsPromptLogprobs: true)
        sequence.generation = generation
        let ids = try harness.generate(sequence, count: 12)
        return (ids, sequence.promptLogprobs)
    }

    @Test(arguments: [
        ("qwen2", nil), ("qwen2", .w8a8Int8), ("qwen2", .int4(groupSize: 32)), ("qwen2-moe", nil),
        ("mixtral-fused", Quantization.int4(groupSize: 32)), ("qwen3-moe", .w8a8Int8),
    ])
    func eachSequenceOfAStepRunsOnItsOwnWeights(model: String, quantization: Quantization?) throws {
        let other = ModelVariant(of: ModelFixtures.directory(model), seed: 1)
        let harness = try RunnerHarness(model, quantization: quantization)
        let before = try generate(harness)
        let fresh = try generate(RunnerHarness(other.path, quantization: quantization))
        #expect(before.ids != fresh.ids)
        harness.runner.adopt(try load(library(harness, quantization: quantization), other.path), as: 1)
        let after = try generate(harness, generation: 1)
        #expect(after.ids == fresh.ids && after.logprobs == fresh.logprobs)
        // Both in each step, in chunks, one beginning before the other.
        let sequences = (0..<4).map { index in
            let sequence = RunningSequence.greedy(prompt, wantsPromptLogprobs: true)
            sequence.generation = index % 2
            return sequence
        }
        for step in 0..<14 {
            _ = try harness.step(
                sequences.enumerated().compactMap { index, sequence in
                    guard sequence.output.count < 12, step >= index / 2 else { return nil }
                    return (sequence, min(4, sequence.tokens.count - sequence.computed))
                })
        }
        for sequence in sequences {
            let alone = sequence.generation == 0 ? before : fresh
            #expect(alone.ids.starts(with: sequence.output) && sequence.output.count > 8)
            #expect(sequence.promptLogprobs == alone.logprobs)
        }
        harness.runner.drop(generation: 0)
        let last = try generate(harness, generation: 1)
        #expect(last.ids == fresh.ids)
    }

    @Test func whatDoesNotFitIsRefusedAndChangesNothing() throws {
        let harness = try RunnerHarness("qwen2")
        let before = try generate(harness)
        let library = try library(harness)

        func failure(_ change: (ModelVariant) -> Void) -> WeightFailure? {
            let variant = ModelVariant(of: fixture, seed: 2)
            change(variant)
            do {
                _ = try load(library, variant.path)
                return nil
            } catch { return error as? WeightFailure }
        }
        func isUnreadable(_ failure: WeightFailure?) -> Bool { if case .unreadable? = failure { true } else { false } }
        func isUnfit(_ failure: WeightFailure?) -> Bool { if case .unfit? = failure { true } else { false } }
        func replace(_ old: String, _ new: String) -> (ModelVariant) -> Void {
            precondition(old.utf8.count == new.utf8.count, "offsets must stay")
            return { variant in
                variant.change { bytes in
                    let range = Array(bytes).firstRange(of: Array(old.utf8))!
                    bytes.replaceSubrange(range, with: new.utf8)
                }
            }
        }
        #expect(failure { _ in } == nil)
        for cut in [1, 100, 60_000, 126_000, 128_930, 128_935, 128_936] {
            #expect(isUnreadable(failure { $0.change { $0.removeLast(cut) } }), "\(cut)")
        }
        #expect(isUnreadable(failure { $0.change { $0.append(0) } }))
        #expect(isUnreadable(failure { $0.change { $0[9] = 0 } }))
        #expect(isUnreadable(failure { $0.remove("model.safetensors") }))
        #expect(isUnreadable(failure { $0.remove("config.json") }))
        #expect(
            isUnreadable(
                failure { $0.write("{\"weight_map\":{\"a\":\"x.safetensors\"}}", to: "model.safetensors.index.json") }))
        #expect(isUnfit(failure(replace("layers.1.mlp.up_proj", "layers.1.mlp.xx_proj"))))
        #expect(isUnfit(failure(replace("[384,56]", "[56,384]"))))
        #expect(isUnfit(failure(replace("\"BF16\"", "\"I16\" "))))
        #expect(isUnfit(failure { $0.write("{\"architectures\":[\"Nobody\"]}", to: "config.json") }))
        for other in ModelFixtures.names where other != "qwen2" {
            #expect(throws: WeightFailure.self, "\(other)") { try load(library, ModelFixtures.directory(other)) }
        }
        let after = try generate(harness)
        #expect(after.ids == before.ids && after.logprobs == before.logprobs)
    }

    @Test func aFileThatChangesAfterItWasCheckedIsNotTaken() throws {
        let library = try library(RunnerHarness("qwen2"))
        func load(_ change: (ModelVariant) -> Void) throws -> WeightFailure? {
            let variant = ModelVariant(of: fixture, seed: 3)
            let candidate = try library.check(variant.path, format: nil)
            // Longer than the clock of the file system takes for a tick.
            usleep(20_000)
            change(variant)
            do {
                _ = try candidate.load(pace: {}) { _ in }
                return nil
            } catch { return error as? WeightFailure }
        }
        let reason = "model.safetensors: the file changed while it was read"
        for change: @Sendable (inout [UInt8]) -> Void in [
            { $0.removeLast(5000) }, { $0.removeAll() }, { $0[100_000] ^= 1 }, { $0.append(1) },
        ] {
            guard case .unreadable(let words)? = try load({ $0.change(change) }) else {
                Issue.record("a changed file was taken")
                continue
            }
            #expect(words.hasSuffix(reason))
        }
        // One that was replaced is read as it was: it is still there for whoever has it open.
        #expect(try load { $0.remove("model.safetensors") } == nil)
    }

    @Test func roomIsMeasuredBeforeLoading() throws {
        let harness = try RunnerHarness("qwen2")
        #expect(try library(harness).check(nil, format: nil).fitsBeside)
        #expect(try !library(harness, room: 1 << 20).check(nil, format: nil).fitsBeside)
        #expect(ModelLibrary.room(beside: harness.runner.pool) > 0)
    }

    /// Norms, biases, fused and paired projections, tables: as the file has them.
    @Test(arguments: ["qwen2", "llama-biased", "qwen3"])
    func everyTensorIsReadBackAsTheFileHasIt(model: String) throws {
        let runner = try RunnerHarness(model).runner
        let checkpoint = try Checkpoint(directory: ModelFixtures.directory(model))
        var read = 0
        for name in checkpoint.tensorNames {
            let source = try checkpoint.tensor(name)
            guard source.elementType == .bfloat16, let (shape, rows) = runner.readWeights(0, name, rowCount: .max)
            else { continue }
            read += 1
            let numbers = source.bytes.bindMemory(to: UInt16.self).map { Float(bitPattern: UInt32($0) << 16) }
            #expect(shape == source.shape && rows.flatMap { $0 } == numbers, "\(name)")
            let first = try #require(runner.readWeights(0, name, rowCount: 2)).rows
            #expect(first.flatMap { $0 } == Array(numbers.prefix(shape.count == 1 ? 2 : 2 * shape[1])))
        }
        #expect(read > 20 || model != "qwen2")
        #expect(runner.readWeights(0, "nosuch", rowCount: 1) == nil)
    }

    @Test func theLastWeightsAreGoneWhenTheyAreDropped() throws {
        let harness = try RunnerHarness("qwen2")
        let before = try generate(harness)
        let library = try library(harness)
        weak var decoder = harness.runner.decoder(0)
        #expect(decoder != nil)
        harness.runner.drop(generation: 0)
        #expect(decoder == nil)
        harness.runner.adopt(try load(library, nil), as: 0)
        let after = try generate(harness)
        #expect(after.ids == before.ids && after.logprobs == before.logprobs)
    }

    @Test func aDiscardedCacheIsComputedAgain() throws {
        let harness = try RunnerHarness("qwen2", slots: 200_000)
        let before = try generate(harness)
        let untouched = harness.runner.pool.untouchedByteCount
        harness.runner.discardCache()
        #expect(harness.runner.pool.untouchedByteCount >= untouched)
        let after = try generate(harness)
        #expect(after.ids == before.ids && after.logprobs == before.logprobs)
    }
}
