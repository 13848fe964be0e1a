/// A vocabulary's tokens as a tree by bytes, so that what tokens have in common is read once.
///
/// Nodes stand in the order in which a walk that goes deep first meets them; node 0 is the empty beginning.
package struct TokenTrie: Sendable {
    package let vocabulary: Vocabulary
    /// By node: the byte that leads to it, and how many bytes lie between it and the root.
    let bytes: [UInt8]
    let depths: [UInt16]
    /// By node: the first node that is not below it.
    let ends: [Int32]
    /// By node, and one more: where its tokens begin in `tokens`.
    let starts: [Int32]
    /// Ids by node; those with equal bytes stand together.
    let tokens: [Int32]

    /// Longer tokens are never allowed: no text that is worth constraining needs them.
    private static let longestToken = 1024

    package init(_ vocabulary: Vocabulary) {
        var bytes: [UInt8] = [0]
        var depths: [UInt16] = [0]
        var ends: [Int32] = [0]
        var starts: [Int32] = [0]
        var tokens: [Int32] = []
        // The nodes from the root to the last token, whose ends are not known yet.
        var path: [Int] = [0]
        for id in vocabulary.sortedIDs() {
            let text = vocabulary.bytes(of: id)
            guard text.count <= Self.longestToken else { continue }
            var common = 0
            while common < min(text.count, path.count - 1),
                bytes[path[common + 1]] == text[text.startIndex + common]
            { common += 1 }
            while path.count > common + 1 { ends[path.removeLast()] = Int32(bytes.count) }
            for index in common..<text.count {
                path.append(bytes.count)
                bytes.append(text[text.startIndex + index])
                depths.append(UInt16(index + 1))
                ends.append(0)
                starts.append(Int32(tokens.count))
            }
            tokens.append(id)
        }
        while let node = path.popLast() { ends[node] = Int32(bytes.count) }
        starts.append(Int32(tokens.count))
        self.vocabulary = vocabulary
        self.bytes = bytes
        self.depths = depths
        self.ends = ends
        self.starts = starts
        self.tokens = tokens
    }

    /// Goes from a node to everything below it that `store` can read from `set`, and calls `visit` with each node and
    /// the set there. A dead end is not gone into.
    @inline(__always)
    func walk(
        below root: Int, from set: StackStore.SetID, _ store: inout StackStore, _ stack: inout [StackStore.SetID],
        visit: (_ node: Int, _ set: StackStore.SetID, _ store: StackStore) -> Void
    ) {
        let end = Int(ends[root])
        let depth = Int(depths[root])
        if stack.count <= depth { stack += repeatElement(0, count: depth + 1 - stack.count) }
        stack[depth] = set
        var node = root + 1
        while node < end {
            let depth = Int(depths[node])
            let before = stack[depth - 1]
            var next = store.known(before, bytes[node])
            if next < StackStore.dead { next = store.step(before, bytes[node]) }
            guard next >= 0 else {
                node = Int(ends[node])
                continue
            }
            if stack.count == depth { stack.append(next) } else { stack[depth] = next }
            visit(node, next, store)
            node += 1
        }
    }

    /// Tokens that end at a node.
    func tokens(at node: Int) -> ArraySlice<Int32> { tokens[Int(starts[node])..<Int(starts[node + 1])] }

    func isLeaf(_ node: Int) -> Bool { Int(ends[node]) == node + 1 }
}
