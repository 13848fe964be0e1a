/// What can be said of all tokens in one state without knowing who called its rule: the tokens that are read inside the
/// rule, up to its end at most, and the beginnings of tokens that end the rule, whose rest is the caller's business
/// (Dong and others, "XGrammar", 2024, section 3.1).
///
/// For a rule that is the body of a counted loop, rounds of the loop and what follows it in the calling rule belong to
/// the inside, with the number of rounds noted: one table serves every count and every bound.
final class StateTable: Sendable {
    struct Escape: Sendable {
        /// In the tree of tokens.
        var node: Int32
        /// Rounds that the loop has begun by then beyond the first.
        var rounds: Int32
    }

    /// Tokens that stay inside; for a loop, those that end while it goes on.
    let inside: CountedTokens
    /// Tokens that end behind the loop.
    let behind: CountedTokens
    /// Beginnings of tokens at which the rule ends, or for a loop the rule that it stands in.
    let escapes: [Escape]

    var byteCount: Int { inside.byteCount + behind.byteCount + escapes.count * 8 }

    /// - Parameter loop: The loop whose body the state's rule is; nil: an ordinary call.
    init(_ automaton: Automaton, state: Int32, loop: Int?, trie: TokenTrie) {
        var store = StackStore(automaton, freeLoop: loop)
        let frame = loop.map { store.frame(inside: $0) } ?? 0
        let first = store.set(at: StackStore.Item(state: state, frame: frame))
        var inside: [(token: Int32, rounds: Int)] = []
        var behind: [(token: Int32, rounds: Int)] = []
        var escapes: [Escape] = []
        var places: [Places?] = []
        var stack: [StackStore.SetID] = []
        trie.walk(below: 0, from: first, &store, &stack) { node, set, store in
            while places.count <= Int(set) { places.append(nil) }
            let here = places[Int(set)] ?? Places(store, set, isLoop: loop != nil)
            places[Int(set)] = here
            let tokens = trie.tokens(at: node)
            if !tokens.isEmpty {
                for rounds in here.inside { for token in tokens { inside.append((token, rounds)) } }
                for rounds in here.behind { for token in tokens { behind.append((token, rounds)) } }
            }
            if !here.ended.isEmpty && !trie.isLeaf(node) {
                for rounds in here.ended { escapes.append(Escape(node: Int32(node), rounds: Int32(rounds))) }
            }
        }
        self.inside = CountedTokens(inside, tokenCount: trie.vocabulary.count)
        self.behind = CountedTokens(behind, tokenCount: trie.vocabulary.count)
        self.escapes = escapes
    }

    /// Where the states of a set are, as far as the table cares: rounds of the loop, each once.
    private struct Places {
        var inside: Set<Int> = []
        var behind: Set<Int> = []
        var ended: Set<Int> = []

        init(_ store: StackStore, _ set: StackStore.SetID, isLoop: Bool) {
            let items = store.sets[Int(set)]
            guard isLoop else {
                inside = [0]
                ended = items.ends.isEmpty ? [] : [0]
                return
            }
            for item in items.items { add(item.frame, store) }
            for end in items.ends {
                guard let rounds = store.rounds(ofBottom: end) else { continue }
                behind.insert(Int(rounds) - 1)
                ended.insert(Int(rounds) - 1)
            }
        }

        private mutating func add(_ frame: StackStore.FrameID, _ store: StackStore) {
            if let rounds = store.rounds(ofBottom: frame) {
                behind.insert(Int(rounds) - 1)
                return
            }
            for caller in store.frames[Int(frame)] {
                if caller.frame == 0 { inside.insert(Int(caller.fewest) - 1) } else { add(caller.frame, store) }
            }
        }
    }
}
