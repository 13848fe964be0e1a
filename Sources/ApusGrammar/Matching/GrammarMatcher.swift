/// How far one constrained text has come, and which tokens may be next.
///
/// Used by one thread at a time.
package final class GrammarMatcher {
    private let grammar: CompiledGrammar
    /// Tokens that end the text where it may end.
    private let endTokens: Set<Int32>
    private var store: StackStore
    private var set: StackStore.SetID
    private var allowed: TokenMask
    /// The set that `allowed` belongs to.
    private var allowedSet: StackStore.SetID?
    private var stack: [StackStore.SetID] = []

    /// An end token was accepted.
    package private(set) var hasEnded = false

    /// More sets than this are forgotten but for the one that counts.
    private static let mostSets = 1024

    /// `endTokens`: ids of the vocabulary.
    package init(_ grammar: CompiledGrammar, endTokens: [Int32]) {
        self.grammar = grammar
        self.endTokens = Set(endTokens)
        store = StackStore(grammar.automaton)
        set = store.start()
        allowed = TokenMask(tokenCount: grammar.trie.vocabulary.count)
    }

    // MARK: - Reading

    /// What was read is a text of the grammar.
    package var mayEnd: Bool {
        if isAtStart { return grammar.automaton.acceptsEmpty }
        return set >= 0 && !store.sets[Int(set)].ends.isEmpty
    }

    /// Something can follow.
    package var mayContinue: Bool { !hasEnded && set >= 0 && !store.sets[Int(set)].items.isEmpty }

    private var isAtStart = true

    /// Reads a token. False: it may not follow, and nothing has changed; or the text can be read in more ways than are
    /// followed up, and nothing can follow any more.
    package func accept(_ token: Int32) -> Bool {
        guard !hasEnded else { return false }
        let bytes = grammar.trie.vocabulary.bytes(of: token)
        if !bytes.isEmpty, read(bytes) { return true }
        guard mayEnd && endTokens.contains(token) else { return false }
        hasEnded = true
        return true
    }

    /// Reads bytes; false, and nothing has changed, when they cannot follow.
    package func read(_ bytes: some Sequence<UInt8>) -> Bool {
        var next = set
        var isEmpty = true
        for byte in bytes {
            next = store.step(next, byte)
            isEmpty = false
        }
        if isEmpty { return true }
        guard next >= 0 else { return false }
        isAtStart = false
        set = next
        if store.sets.count > Self.mostSets {
            (store, set) = store.compacted(keeping: set)
            allowedSet = nil
            contexts.removeAll()
        }
        return true
    }

    /// The text can be read in too many ways at once.
    package var isOverwhelmed: Bool { store.isOverwhelmed }

    /// Frames of stacks that are remembered.
    var frameCount: Int { store.frames.count }

    /// The byte values that can follow.
    var nextBytes: ByteSet { hasEnded ? ByteSet() : store.nextBytes(set) }

    // MARK: - Masks

    /// The tokens that may be next. With end tokens where the text may end.
    package var mask: TokenMask {
        if allowedSet != set {
            fill()
            allowedSet = set
        }
        return allowed
    }

    /// The one token that may be next; nil: there are several, or none. Found without a mask where that is plain.
    package var onlyToken: Int32? {
        guard !hasEnded else { return nil }
        let bytes = nextBytes.count
        if bytes == 0 { return mayEnd && endTokens.count == 1 ? endTokens.first : nil }
        return bytes == 1 && !(mayEnd && !endTokens.isEmpty) ? mask.only : nil
    }

    private func fill() {
        allowed.removeAll()
        guard !hasEnded else { return }
        if mayEnd { for token in endTokens { allowed.insert(token) } }
        guard set >= 0 else { return }
        for item in store.sets[Int(set)].items { add(item) }
    }

    private func add(_ item: StackStore.Item) {
        let callers = store.frames[Int(item.frame)]
        var hasOrdinary = callers.isEmpty
        for caller in callers {
            guard let loop = Automaton.loop(at: caller.destination) else {
                hasOrdinary = true
                continue
            }
            add(item.state, loop, caller)
        }
        guard hasOrdinary else { return }
        let table = grammar.table(.init(state: item.state, loop: -1))
        table.inside.add(fewest: 0, most: 0, to: &allowed)
        guard !callers.isEmpty, !table.escapes.isEmpty else { return }
        let context = context(returningTo: .callers(of: item.frame))
        follow(table.escapes, fewest: 0, most: 0, context)
    }

    /// Tokens of a state in a loop's body.
    private func add(_ state: Int32, _ loop: Int, _ caller: StackStore.Caller) {
        let table = grammar.table(.init(state: state, loop: Int32(loop)))
        let bounds = grammar.automaton.loops[loop]
        // Any number of rounds that the caller may have made will do.
        let most = Int(bounds.max - caller.fewest)
        let fewest = Int(bounds.min - caller.most)
        table.inside.add(fewest: 0, most: most, to: &allowed)
        table.behind.add(fewest: fewest, most: most, to: &allowed)
        guard !store.frames[Int(caller.frame)].isEmpty else { return }
        let context = context(returningTo: .all(of: caller.frame))
        follow(table.escapes, fewest: fewest, most: most, context)
    }

    /// Adds the tokens that `set` goes on with where a rule has ended.
    private func follow(_ escapes: Escapes, fewest: Int, most: Int, _ set: StackStore.SetID) {
        guard set >= 0 else { return }
        grammar.trie.add(behind: escapes, fewest: fewest, most: most, from: set, &store, &stack, to: &allowed)
    }

    // MARK: - Contexts

    private enum ContextKey: Hashable {
        /// Of ordinary calls.
        case callers(of: StackStore.FrameID)
        case all(of: StackStore.FrameID)
    }

    /// What can follow when a rule on a frame has ended.
    private var contexts: [ContextKey: StackStore.SetID] = [:]

    private func context(returningTo key: ContextKey) -> StackStore.SetID {
        if let known = contexts[key] { return known }
        let callers: [StackStore.Caller]
        switch key {
        case .callers(let frame): callers = store.frames[Int(frame)].filter { $0.destination >= 0 }
        case .all(let frame): callers = store.frames[Int(frame)]
        }
        let set = store.afterReturn(to: callers)
        contexts[key] = set
        return set
    }
}
