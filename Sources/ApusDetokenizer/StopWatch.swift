import ApusText
import ApusWire

/// Looks for stop strings in a stream: in its text with special tokens spelled out, as the contract wants it read, and
/// in the text that the client sees, where a hidden token may lie between the parts of one. Regular expressions are looked
/// for in the first of the two; what matched stays in the text.
struct StopWatch {
    enum Match {
        case string(String, Cut)
        case pattern(String)
        /// A pattern takes too long on this text to say whether it matches.
        case gaveUp(String)
    }

    /// Where the text that is kept ends: in the seen text, or else in the spelled one. UTF-8 bytes.
    struct Cut {
        let end: Int
        let isSeen: Bool
    }

    private let keepsStop: Bool
    private var decoder: IncrementalDecoder
    private var spelledStops: StopMatcher
    /// nil: special tokens are seen, so that both texts are one.
    private var seenStops: StopMatcher?
    private var patterns: [StopPattern]
    private var budget = StepBudget()
    /// UTF-8 bytes so far.
    private(set) var spelledLength = 0
    private(set) var seenLength = 0

    /// nil when there is nothing to look for.
    init?(_ opening: StreamOpening, tokenizer: Tokenizer) {
        guard !opening.stopStrings.isEmpty || !opening.stopRegexes.isEmpty else { return nil }
        keepsStop = opening.noStopTrim
        decoder = IncrementalDecoder(tokenizer: tokenizer, promptTail: opening.promptTail, skipSpecialTokens: false)
        spelledStops = StopMatcher(opening.stopStrings)
        seenStops = opening.skipSpecialTokens ? spelledStops : nil
        // Those that cannot be read were refused by the front.
        patterns = opening.stopRegexes.compactMap { try? StopPattern($0) }
    }

    /// Takes a token and what is seen of it: the first stop string of the list that one of the texts contains now, else
    /// the first pattern.
    mutating func append(_ id: Int32, seen: String) -> Match? {
        take(decoder.append(id), seen)
    }

    /// No token follows.
    mutating func finish(seen: String) -> Match? {
        take(decoder.finish(), seen)
    }

    /// Text beyond these lengths may become part of a stop string.
    var safeSpelledLength: Int { spelledLength - spelledStops.heldByteCount }
    var safeSeenLength: Int { seenLength - (seenStops?.heldByteCount ?? 0) }

    private mutating func take(_ spelled: String, _ seen: String) -> Match? {
        spelledLength += spelled.utf8.count
        seenLength += seen.utf8.count
        let inSpelled = spelledStops.append(spelled)
        let inSeen = seenStops?.append(seen)
        if let inSeen, inSeen.index <= inSpelled?.index ?? .max { return match(inSeen, isSeen: true) }
        if let inSpelled { return match(inSpelled, isSeen: false) }
        budget.grow()
        for index in patterns.indices {
            switch patterns[index].append(spelled, &budget) {
            case .nothing: continue
            case .match: return .pattern(patterns[index].pattern)
            case .gaveUp: return .gaveUp(patterns[index].pattern)
            }
        }
        return nil
    }

    private func match(_ found: StopMatcher.Match, isSeen: Bool) -> Match {
        .string(found.stop, Cut(end: keepsStop ? found.end : found.start, isSeen: isSeen))
    }
}
