/// A vocabulary's tokens as a tree by bytes, so that what tokens have in common is read once.
///
/// Nodes stand in the order in which a walk that goes deep first meets them; node 0 is the empty beginning.
package struct TokenTrie: Sendable {
    private struct Node {
        /// The first node that is not below this one.
        var end: Int32 = 0
        /// Where its tokens begin in `tokens`.
        var firstToken: Int32
        /// Bytes between it and the root.
        var depth: UInt16
        /// The byte that leads to it.
        var byte: UInt8
    }

    package let vocabulary: Vocabulary
    /// With one more at the end.
    private let nodes: [Node]
    /// Ids by node; those with equal bytes stand together.
    private let tokens: [Int32]

    /// Longer tokens are never allowed: no text that is worth constraining needs them.
    private static let longestToken = 1024

    package init(_ vocabulary: Vocabulary) {
        var nodes = [Node(firstToken: 0, depth: 0, byte: 0)]
        var tokens: [Int32] = []
        // The nodes from the root to the last token, whose ends are not known yet.
        var path: [Int] = [0]
        for id in vocabulary.sortedIDs() {
            let text = vocabulary.bytes(of: id)
            guard text.count <= Self.longestToken else { continue }
            var common = 0
            while common < min(text.count, path.count - 1),
                nodes[path[common + 1]].byte == text[text.startIndex + common]
            { common += 1 }
            while path.count > common + 1 { nodes[path.removeLast()].end = Int32(nodes.count) }
            for index in common..<text.count {
                path.append(nodes.count)
                nodes.append(
                    Node(
                        firstToken: Int32(tokens.count), depth: UInt16(index + 1),
                        byte: text[text.startIndex + index]))
            }
            tokens.append(id)
        }
        while let node = path.popLast() { nodes[node].end = Int32(nodes.count) }
        nodes.append(Node(firstToken: Int32(tokens.count), depth: 0, byte: 0))
        self.vocabulary = vocabulary
        self.nodes = nodes
        self.tokens = tokens
    }

    /// Nodes, the root included.
    var count: Int { nodes.count - 1 }

    /// Goes from a node to everything below it that `store` can read from `set`, and calls `visit` with each node and
    /// the set there. A dead end is not gone into.
    @inline(__always)
    func walk(
        below root: Int, from set: StackStore.SetID, _ store: inout StackStore, _ stack: inout [StackStore.SetID],
        visit: (_ node: Int, _ set: StackStore.SetID) -> Void
    ) {
        let nodes = nodes.span
        let end = Int(nodes[root].end)
        let depth = Int(nodes[root].depth)
        if stack.count <= depth { stack += repeatElement(0, count: depth + 1 - stack.count) }
        stack[depth] = set
        var index = root + 1
        while index < end {
            let node = nodes[index]
            let depth = Int(node.depth)
            let before = stack[depth - 1]
            var next = store.known(before, node.byte)
            if next < StackStore.dead { next = store.step(before, node.byte) }
            guard next >= 0 else {
                index = Int(node.end)
                continue
            }
            if stack.count == depth { stack.append(next) } else { stack[depth] = next }
            visit(index, next)
            index += 1
        }
    }

    /// Adds the tokens that go on behind `escapes` of `fewest ... most` rounds with what `set` can read.
    func add(
        behind escapes: Escapes, fewest: Int, most: Int, from set: StackStore.SetID, _ store: inout StackStore,
        _ stack: inout [StackStore.SetID], to mask: inout TokenMask
    ) {
        guard fewest <= most, !escapes.isEmpty else { return }
        for byte in store.nextBytes(set).bytes where !escapes[byte].isEmpty {
            let next = store.step(set, byte)
            guard next >= 0 else { continue }
            for place in escapes[byte] where fewest <= Int(place.rounds) && Int(place.rounds) <= most {
                let node = Int(place.node)
                mask.insert(tokens(at: node))
                guard !isLeaf(node) else { continue }
                walk(below: node, from: next, &store, &stack) { node, _ in mask.insert(tokens(at: node)) }
            }
        }
    }

    /// Tokens that end at a node.
    @inline(__always)
    func tokens(at node: Int) -> ArraySlice<Int32> {
        tokens[Int(nodes[node].firstToken)..<Int(nodes[node + 1].firstToken)]
    }

    func isLeaf(_ node: Int) -> Bool { Int(nodes[node].end) == node + 1 }

    /// The nodes that one byte more leads to.
    func children(of node: Int) -> some Sequence<(node: Int, byte: UInt8)> {
        let end = Int(nodes[node].end)
        return sequence(state: node + 1) { next in
            guard next < end else { return nil }
            defer { next = Int(nodes[next].end) }
            return (next, nodes[next].byte)
        }
    }
}
