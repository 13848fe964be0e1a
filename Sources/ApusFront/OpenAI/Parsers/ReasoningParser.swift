/// What a model thinks apart from what it says: `<think> … </think>`.
struct ReasoningParser: Sendable {
    /// The formats by the names that `--reasoning-parser` takes; the value: output without tags is thinking.
    private static let formats: [String: Bool] = [
        "deepseek-r1": true, "deepseek-v3": false, "qwen3": true, "qwen3-thinking": true, "glm45": false,
        "step3": true, "nemotron_3": true,
    ]

    static let names = formats.keys.sorted()

    private let beginsThinking: Bool

    /// nil: no format of this name.
    init?(named name: String) {
        guard let beginsThinking = Self.formats[name] else { return nil }
        self.beginsThinking = beginsThinking
    }

    /// The output begins with thinking, unless the request has switched it off.
    func thinksFirst(_ thinks: Bool) -> Bool { beginsThinking && thinks }

    /// `thinks`: the request has not switched thinking off.
    func splitter(thinks: Bool) -> ReasoningSplitter { ReasoningSplitter(isThinking: beginsThinking && thinks) }
}

/// Splits one output as it comes.
struct ReasoningSplitter {
    static let begin = "<think>"
    static let end = "</think>"

    private enum Place {
        case start
        case thinking
        case speaking
    }

    private var place: Place
    private let thinksFromStart: Bool
    private var text = Holdback()

    init(isThinking: Bool) {
        place = .start
        thinksFromStart = isThinking
    }

    /// Takes more output, or its end, and gives what can be told of it.
    mutating func absorb(_ new: String, isLast: Bool) -> (reasoning: String, content: String) {
        text.append(new)
        var reasoning = ""
        if place == .start {
            let trimmed = text.pending.drop(while: \.isWhitespace)
            if !isLast, trimmed.isEmpty || (Self.begin.hasPrefix(trimmed) && trimmed != Self.begin) { return ("", "") }
            if trimmed.hasPrefix(Self.begin) {
                _ = text.take(through: [Self.begin])
                place = .thinking
            } else {
                place = thinksFromStart ? .thinking : .speaking
            }
        }
        if place == .thinking {
            if let found = text.take(through: [Self.end]) {
                reasoning = found.before
                place = .speaking
            } else {
                return (isLast ? text.takeAll() : text.takeSafe([Self.end]), "")
            }
        }
        return (reasoning, text.takeAll())
    }
}
