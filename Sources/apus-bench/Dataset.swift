import ArgumentParser

/// One request of a workload.
struct BenchRequest: Sendable {
    /// Prompt as token ids; `text` is a text of about as many tokens, for protocols without ids.
    var tokens: [Int]
    var text: String
    var documents: [String] = []
    var outputLength: Int
    /// The turn of the same conversation before this one, by its place in the workload: sent when that has been answered.
    var previous: Int?
    /// What this turn adds to the conversation: the end of `tokens`, which stand in for answers that nobody knows yet.
    var question: [Int] = []
    /// The same as a text; and what was said before it, by user and assistant in turn, once that is known.
    var questionText = ""
    var history: [String] = []

    /// All that was said, this turn's question included.
    var saidTexts: [String] { history.isEmpty ? [text] : history + [questionText] }
}

/// How prompts are made.
enum DatasetName: String, CaseIterable, ExpressibleByArgument {
    /// Random tokens of random lengths.
    case random
    /// The same, by SGLang's name.
    case randomIDs = "random-ids"
    /// Groups of prompts that share a long prefix.
    case generatedSharedPrefix = "generated-shared-prefix"
    /// Conversations: each turn's prompt is the last one's with more behind it.
    case multiTurn = "multi-turn"
}

/// Makes the same requests from the same seed.
struct Dataset {
    var name: DatasetName
    var count: Int
    var inputLength: Int
    var outputLength: Int
    /// Lengths are drawn from this share of the length up to the length; 1: all equal.
    var rangeRatio: Double
    var groups: Int
    var prefixLength: Int
    var turns: Int
    var documents: Int
    /// Ids are drawn below this, and from 256 on where there is room, so that special ids at the start stay out.
    var vocabulary: Int

    func requests(seed: UInt64) -> [BenchRequest] {
        var random = Generator(seed: seed)
        switch name {
        case .random, .randomIDs:
            return (0..<count).map { _ in request(prefix: [], &random) }
        case .generatedSharedPrefix:
            let prefixes = (0..<max(1, groups)).map { _ in tokens(prefixLength, &random) }
            return (0..<count).map { request(prefix: prefixes[$0 % prefixes.count], &random) }
        case .multiTurn:
            var histories = (0..<max(1, (count + turns - 1) / turns)).map { _ in [Int]() }
            return (0..<count).map { index in
                let conversation = index % histories.count
                let history = histories[conversation]
                var made = request(prefix: history, &random)
                if index >= histories.count { made.previous = index - histories.count }
                made.question = Array(made.tokens.dropFirst(history.count))
                made.questionText = Self.words(made.question)
                histories[conversation] = made.tokens + tokens(made.outputLength, &random)
                return made
            }
        }
    }

    private func request(prefix: [Int], _ random: inout Generator) -> BenchRequest {
        let ids = prefix + tokens(length(inputLength, &random), &random)
        return BenchRequest(
            tokens: ids, text: Self.words(ids),
            documents: (0..<documents).map { _ in Self.words(tokens(inputLength, &random)) },
            outputLength: length(outputLength, &random))
    }

    private func length(_ most: Int, _ random: inout Generator) -> Int {
        let least = max(1, Int(Double(most) * rangeRatio))
        return Int.random(in: min(least, most)...most, using: &random)
    }

    private func tokens(_ count: Int, _ random: inout Generator) -> [Int] {
        let first = vocabulary > 1_024 ? 256 : 0
        return (0..<count).map { _ in Int.random(in: first..<vocabulary, using: &random) }
    }

    private static func words(_ ids: [Int]) -> String {
        ids.map { commonWords[$0 % commonWords.count] }.joined(separator: " ")
    }

    /// Short, about a token each.
    private static let commonWords = [
        "time", "water", "the", "of", "house", "light", "and", "people", "to", "in", "river", "city", "a", "long",
        "day",
        "is", "that", "it", "world", "was", "for", "on", "are", "stone", "with", "as", "his", "they", "at", "be",
    ]
}

/// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016).
struct Generator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
