import ApusCheckpoint
import ApusCore
import ApusEngine
import ApusGrammar
import ApusTensor
import ApusTestSupport
import Testing

/// A request's tokens and log probabilities are the same bits whatever runs beside it, however its prompt is cut,
/// wherever its prefix came from and however many threads compute.
struct BatchInvarianceTests {
    /// What a client can see of one request.
    private struct Answer: Equatable {
        var tokens: [Int32]
        var prompt: [PositionLogprobs]
        var output: [PositionLogprobs]
    }

    private static let outputCount = 12

    /// Any number of words of a few tokens each.
    private static let grammar: CompiledGrammar? = {
        var grammar = Grammar()
        let word = GrammarExpression.repetition(.scalars(ScalarSet([0x20...0x7E, 0xC0...0xFF])), min: 1, max: 9)
        grammar.define(grammar.root, as: .repetition(.sequence([word, .text("\n")]), min: 0, max: nil))
        var vocabulary = Vocabulary()
        for byte in UInt8.min...UInt8.max { vocabulary.append([byte]) }
        for byte in UInt8(0)..<128 { vocabulary.append([byte, byte & 7 + 65]) }
        return try? CompiledGrammar(grammar, trie: TokenTrie(vocabulary), limit: CompilationLimit())
    }()

    private func requests(_ random: inout SeededRandom) -> [RunningSequence] {
        let shared = (0..<37).map { _ in Int32.random(in: 0..<384, using: &random) }
        return (0..<6).map { index in
            var prompt = (0..<Int.random(in: 1...50, using: &random)).map { _ in
                Int32.random(in: 0..<384, using: &random)
            }
            if index < 3 { prompt = shared + prompt.prefix(index * 9 + 1) }
            var parameters = SamplingParameters()
            switch index % 3 {
            case 0: parameters.topK = 1
            case 1: parameters.temperature = 0.8
            default:
                parameters.topP = 0.9
                parameters.topK = 40
                parameters.repetitionPenalty = 1.2
            }
            let sampler = SequenceSampler(
                parameters: parameters, seed: random.next(), endTokenIDs: [],
                logprobs: .init(topCount: 3, tokenIDs: [7, 300]))
            if index % 2 == 1, let grammar = Self.grammar {
                sampler.bind(GrammarMatcher(grammar, endTokens: []))
            }
            return RunningSequence(prompt, sampler, wantsPromptLogprobs: true)
        }
    }

    private func answer(_ sequence: RunningSequence) -> Answer {
        Answer(tokens: sequence.output, prompt: sequence.promptLogprobs, output: sequence.outputLogprobs)
    }

    /// Each request alone, its prompt in one piece.
    private func alone(_ requests: [RunningSequence], _ harness: RunnerHarness) throws -> [Answer] {
        try requests.map { request in
            _ = try harness.generate(request, count: Self.outputCount)
            return answer(request)
        }
    }

    /// All requests in a random order of chunks and steps, a later one on the KV of an earlier one's prefix.
    private func mixed(
        _ requests: [RunningSequence], _ harness: RunnerHarness, _ random: inout SeededRandom
    ) throws -> [Answer] {
        harness.shuffleSlots(&random)
        let donor = requests[0]
        var waiting = Array(requests.dropFirst())
        var running = [donor]
        while running.contains(where: { $0.output.count < Self.outputCount }) || !waiting.isEmpty {
            if !waiting.isEmpty, Int.random(in: 0..<3, using: &random) == 0 {
                let next = waiting.removeFirst()
                share(donor, next, &random)
                running.append(next)
            }
            let ready = running.filter { $0.output.count < Self.outputCount }.shuffled(using: &random)
            let parts = ready.prefix(Int.random(in: 1...6, using: &random)).map { sequence in
                let left = sequence.tokens.count - sequence.computed
                return (sequence, left == 1 ? 1 : Int.random(in: 1...left, using: &random))
            }
            if !parts.isEmpty { _ = try harness.step(parts) }
        }
        return requests.map(answer)
    }

    /// Lets `other` use the donor's slots for a part of their common prefix, unless it wants log probabilities of its
    /// prompt, for which all of its rows must be computed.
    private func share(_ donor: RunningSequence, _ other: RunningSequence, _ random: inout SeededRandom) {
        guard !other.wantsPromptLogprobs else { return }
        let common = zip(donor.tokens.prefix(donor.computed), other.tokens.dropLast()).prefix { $0 == $1 }.count
        guard common > 0 else { return }
        let count = Int.random(in: 1...common, using: &random)
        for position in 0..<count { other.slots.append(donor.slots[position]) }
        other.computed = count
    }

    @Test(arguments: [
        ("qwen2", 1), ("llama-scaled", 2), ("mistral", 3), ("qwen3", 2), ("qwen2-moe", 4), ("qwen3-moe", 1),
    ])
    func chunksBatchesAndThreads(_ model: String, _ seed: UInt64) throws {
        for kernels in TensorRuntime.availableKernels where kernels != "amx-soft" || model == "qwen2" {
            var random = SeededRandom(seed: seed)
            let expected = try alone(requests(&random), RunnerHarness(model, threads: 1, kernels: kernels))
            for threads in 1...3 {
                // Little memory for logits: the head runs in parts of three rows.
                let harness = try RunnerHarness(
                    model, threads: threads, kernels: kernels, logitsByteCount: threads == 2 ? 3 * 384 * 4 : 1 << 20)
                var random = SeededRandom(seed: seed)
                let requests = requests(&random)
                var order = SeededRandom(seed: seed * 10 + UInt64(threads))
                let found = try mixed(requests, harness, &order)
                for (index, (found, expected)) in zip(found, expected).enumerated() {
                    #expect(found == expected, "\(kernels), \(threads) threads, request \(index)")
                }
            }
        }
    }

    /// The same with every format of weights, on every set of kernels.
    @Test(
        arguments: TensorRuntime.availableKernels,
        [Quantization.w8a8Int8, .int4(groupSize: 32), .int4(groupSize: 128)])
    func quantisedWeights(_ kernels: String, _ quantization: Quantization) throws {
        var random = SeededRandom(seed: 4)
        let harness = try RunnerHarness("qwen2", threads: 1, kernels: kernels, quantization: quantization)
        let expected = try alone(requests(&random), harness)
        for threads in 2...3 {
            let harness = try RunnerHarness("qwen2", threads: threads, kernels: kernels, quantization: quantization)
            var random = SeededRandom(seed: 4)
            var order = SeededRandom(seed: UInt64(threads))
            #expect(try mixed(requests(&random), harness, &order) == expected, "\(threads) threads")
        }
    }

    /// The same with keys and values in int8.
    @Test(arguments: TensorRuntime.availableKernels) func int8Pool(kernels: String) throws {
        func harness(_ threads: Int) throws -> RunnerHarness {
            try RunnerHarness("qwen2", threads: threads, kernels: kernels, kvFormat: .int8(arithmetic: .bfloat16))
        }
        var random = SeededRandom(seed: 4)
        let expected = try alone(requests(&random), harness(1))
        for threads in 2...3 {
            var random = SeededRandom(seed: 4)
            let requests = requests(&random)
            var order = SeededRandom(seed: 40 + UInt64(threads))
            #expect(try mixed(requests, harness(threads), &order) == expected, "\(threads) threads")
        }
    }

    /// The same with prefixes that another request computed.
    @Test(arguments: ["qwen2-window", "llama-biased", "mixtral"])
    func sharedPrefixes(_ model: String) throws {
        for element in [ElementType.bfloat16, .float32] {
            var random = SeededRandom(seed: 5)
            let plain = requests(&random).map { RunningSequence($0.tokens, $0.sampler) }
            let expected = try alone(plain, RunnerHarness(model, element, threads: 1))
            for order in 0..<3 as Range<UInt64> {
                var random = SeededRandom(seed: 5)
                let again = requests(&random).map { RunningSequence($0.tokens, $0.sampler) }
                var order = SeededRandom(seed: order)
                #expect(try mixed(again, RunnerHarness(model, element), &order) == expected)
            }
        }
    }
}
