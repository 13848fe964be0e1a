/// What can be said of all tokens in one state without knowing who called its rule: the tokens that are read inside the
/// rule, up to its end at most, and the beginnings of tokens that end the rule, whose rest is the caller's business
/// (Dong and others, "XGrammar", 2024, section 3.1).
///
/// For a rule that is the body of a counted loop, rounds of the loop and what follows it in the calling rule belong to
/// the inside, with the number of rounds noted: one table serves every count and every bound.
final class StateTable: Sendable {
    /// Tokens that stay inside; for a loop, those that end while it goes on.
    let inside: CountedTokens
    /// Tokens that end behind the loop.
    let behind: CountedTokens
    /// Beginnings of tokens at which the rule ends, or for a loop the rule that it stands in.
    let escapes: Escapes

    var byteCount: Int { inside.byteCount + behind.byteCount + escapes.byteCount }

    /// - Parameter loop: The loop whose body the state's rule is; nil: an ordinary call.
    init(_ automaton: Automaton, state: Int32, loop: Int?, trie: TokenTrie) {
        var store = StackStore(automaton, freeLoop: loop)
        let frame = loop.map { store.frame(inside: $0) } ?? 0
        let first = store.set(at: StackStore.Item(state: state, frame: frame))
        var visits: [(node: Int32, set: StackStore.SetID)] = []
        var stack: [StackStore.SetID] = []
        trie.walk(below: 0, from: first, &store, &stack) { node, set in visits.append((Int32(node), set)) }
        let places = store.sets.indices.map { Places(store, StackStore.SetID($0), isLoop: loop != nil) }
        var inside: [CountedTokens.Found] = []
        var behind: [CountedTokens.Found] = []
        var escapes: [(byte: UInt8, place: Escapes.Place)] = []
        for (node, set) in visits {
            let here = places[Int(set)]
            let tokens = trie.tokens(at: Int(node))
            if !tokens.isEmpty {
                for rounds in here.inside { for token in tokens { inside.append((token, rounds)) } }
                for rounds in here.behind { for token in tokens { behind.append((token, rounds)) } }
            }
            guard !here.ended.isEmpty && !trie.isLeaf(Int(node)) else { continue }
            for (child, byte) in trie.children(of: Int(node)) {
                for rounds in here.ended { escapes.append((byte, .init(node: Int32(child), rounds: rounds))) }
            }
        }
        self.inside = CountedTokens(inside, tokenCount: trie.vocabulary.count)
        self.behind = CountedTokens(behind, tokenCount: trie.vocabulary.count)
        self.escapes = Escapes(escapes)
    }

    /// Where the states of a set are, as far as the table cares: rounds of the loop, each once.
    private struct Places {
        private(set) var inside: [Int32] = []
        private(set) var behind: [Int32] = []
        private(set) var ended: [Int32] = []

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
                Self.insert(rounds - 1, &behind)
                Self.insert(rounds - 1, &ended)
            }
        }

        private mutating func add(_ frame: StackStore.FrameID, _ store: StackStore) {
            if let rounds = store.rounds(ofBottom: frame) {
                Self.insert(rounds - 1, &behind)
                return
            }
            for caller in store.frames[Int(frame)] {
                if caller.frame == 0 { Self.insert(caller.fewest - 1, &inside) } else { add(caller.frame, store) }
            }
        }

        private static func insert(_ rounds: Int32, _ list: inout [Int32]) {
            if !list.contains(rounds) { list.append(rounds) }
        }
    }
}

/// Places in the tree of tokens right behind the end of a rule, by the byte that leads to them: whoever goes on there
/// looks at those bytes only that may follow.
struct Escapes: Sendable {
    struct Place: Sendable {
        /// In the tree of tokens.
        var node: Int32
        /// Rounds that the loop has begun by then beyond the first.
        var rounds: Int32
    }

    private let places: [Place]
    /// [byte] where its places begin, and one more; empty if there are none.
    private let starts: [Int32]

    init(_ found: [(byte: UInt8, place: Place)]) {
        guard !found.isEmpty else {
            (places, starts) = ([], [])
            return
        }
        var counts = [Int32](repeating: 0, count: 257)
        for (byte, _) in found { counts[Int(byte) + 1] += 1 }
        for index in 1...256 { counts[index] += counts[index - 1] }
        starts = counts
        var sorted = [Place](repeating: Place(node: 0, rounds: 0), count: found.count)
        for (byte, place) in found {
            sorted[Int(counts[Int(byte)])] = place
            counts[Int(byte)] += 1
        }
        places = sorted
    }

    var isEmpty: Bool { places.isEmpty }

    subscript(byte: UInt8) -> ArraySlice<Place> {
        starts.isEmpty ? [] : places[Int(starts[Int(byte)])..<Int(starts[Int(byte) + 1])]
    }

    var byteCount: Int { places.count * 8 + starts.count * 4 }
}
