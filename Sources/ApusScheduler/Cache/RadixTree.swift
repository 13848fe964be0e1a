/// Which cached prefixes may be shared: KV of other weights, or of another namespace, is never matched.
struct PrefixNamespace: Hashable {
    /// `extra_key` and `cache_salt` of the request.
    var name: String
    /// Which of the worker's weights computed it.
    var generation: Int
}

/// Cached token sequences and the KV pages that hold them, as a tree in which siblings differ in their first page.
///
/// Keys are whole pages: a node's length, and every match, is a multiple of `pageSize` tokens. A node that a lease
/// passes through is locked; the others can be evicted, leaves first, least recently used first. The tree never
/// touches K/V, and owns exactly the pages in its nodes.
final class RadixTree {
    final class Node {
        /// The tokens of this edge, at least one page (none for a root).
        fileprivate(set) var tokens: [Int32]
        /// [tokens.count / pageSize] the pages that hold their KV.
        fileprivate(set) var pages: [Int32]
        /// Keyed by a child's first page.
        fileprivate(set) var children: [ArraySlice<Int32>: Node] = [:]
        /// A parent outlives its children; nil for a root.
        fileprivate(set) unowned var parent: Node?
        /// Set for a root only.
        let namespace: PrefixNamespace?
        /// Leases that end in this node or below.
        fileprivate(set) var lockCount = 0
        /// Reading of the tree's use counter.
        fileprivate(set) var lastUse: UInt64
        /// Place in the eviction heap; -1: not in it.
        var heapIndex = -1

        fileprivate init(
            tokens: [Int32], pages: [Int32], parent: Node?, namespace: PrefixNamespace? = nil, lastUse: UInt64
        ) {
            self.tokens = tokens
            self.pages = pages
            self.parent = parent
            self.namespace = namespace
            self.lastUse = lastUse
        }

        /// The first page, in memory of its own: as a dictionary key it must not keep the whole edge alive.
        fileprivate func key(_ pageSize: Int) -> ArraySlice<Int32> { ArraySlice(Array(tokens[0..<pageSize])) }
    }

    let pageSize: Int
    private(set) var roots: [PrefixNamespace: Node] = [:]
    private(set) var evictable = EvictionHeap()
    /// Pages in nodes that no lease passes through.
    private(set) var evictablePages = 0
    /// Pages in nodes that are locked.
    private(set) var lockedPages = 0
    private(set) var nodeCount = 0
    private var useCounter: UInt64 = 0

    init(pageSize: Int) {
        self.pageSize = pageSize
    }

    var pageCount: Int { evictablePages + lockedPages }

    // MARK: - Matching

    /// How many of the first `limit` tokens are cached, and the node in which they end; changes nothing.
    func match(_ tokens: [Int32], limit: Int, in namespace: PrefixNamespace) -> (length: Int, node: Node?) {
        guard let root = roots[namespace] else { return (0, nil) }
        let found = descend(from: root, tokens, offset: 0, limit: limit)
        return (found.offset, found.node)
    }

    /// Opens a lease on the longest cached prefix of the first `limit` tokens.
    func open(_ lease: inout PrefixLease, _ tokens: [Int32], limit: Int, in namespace: PrefixNamespace) {
        precondition(lease.node == nil && lease.length == 0, "a lease is opened once")
        let root = roots[namespace] ?? makeRoot(namespace)
        let (node, length) = descendSplitting(from: root, tokens, offset: 0, limit: limit)
        lock(node, upTo: nil)
        lease.node = node
        lease.length = length
    }

    /// Ends a lease; the prefix stays cached, and counts as used just now.
    func close(_ lease: inout PrefixLease) {
        guard let node = lease.node else { return }
        unlock(node)
        lease.node = nil
        lease.length = 0
    }

    // MARK: - Insertion

    /// Lengthens a lease to the first `length` tokens, whole pages. `pages` are those of the request for the tokens
    /// from `lease.length` on; the tree takes them over, but for those whose tokens it already has: it then keeps its
    /// own pages. Returns, in order, the pages that now hold the tokens from the old end on.
    func extend(_ lease: inout PrefixLease, _ tokens: [Int32], to length: Int, pages: [Int32]) -> [Int32] {
        guard let start = lease.node else { preconditionFailure("a closed lease cannot grow") }
        precondition(length % pageSize == 0 && length >= lease.length)
        precondition(pages.count == (length - lease.length) / pageSize)
        guard length > lease.length else { return [] }
        let (last, end) = descendSplitting(from: start, tokens, offset: lease.length, limit: length)
        var result = pagesBetween(start, last)
        var node = last
        if end < length {
            let rest = Array(pages[result.count...])
            node = Node(tokens: Array(tokens[end..<length]), pages: rest, parent: last, lastUse: useCounter)
            last.children[node.key(pageSize)] = node
            nodeCount += 1
            evictablePages += rest.count
            result += rest
        }
        lock(node, upTo: start)
        lease.node = node
        lease.length = length
        return result
    }

    // MARK: - Eviction

    /// Gives up at least `count` pages of unlocked leaves, if there are as many; each goes to `release`.
    /// A long leaf is shortened from its end rather than lost whole.
    func evict(_ count: Int, release: (Int32) -> Void) {
        var missing = count
        while missing > 0, let leaf = evictable.first {
            let given = min(missing, leaf.pages.count)
            for page in leaf.pages.suffix(given) { release(page) }
            missing -= given
            evictablePages -= given
            if given < leaf.pages.count {
                leaf.pages.removeLast(given)
                leaf.tokens.removeLast(given * pageSize)
            } else {
                remove(leaf)
            }
        }
    }

    /// Empties the tree; no lease may be open.
    func removeAll(release: (Int32) -> Void) {
        precondition(lockedPages == 0 && roots.values.allSatisfy { $0.lockCount == 0 }, "flushed under a lease")
        evict(evictablePages, release: release)
    }

    /// Gives up every unlocked page of the namespaces of a generation; each goes to `release`.
    func drop(generation: Int, release: (Int32) -> Void) {
        for (namespace, root) in roots where namespace.generation == generation {
            var nodes: [Node] = []
            var stack = Array(root.children.values)
            while let node = stack.popLast() {
                // Nothing below an unlocked node is locked.
                if node.lockCount == 0 { nodes.append(node) }
                stack += node.children.values
            }
            for leaf in nodes.reversed() {
                for page in leaf.pages { release(page) }
                evictablePages -= leaf.pages.count
                remove(leaf)
            }
        }
    }

    // MARK: - Nodes

    private func makeRoot(_ namespace: PrefixNamespace) -> Node {
        let root = Node(tokens: [], pages: [], parent: nil, namespace: namespace, lastUse: useCounter)
        roots[namespace] = root
        return root
    }

    /// Takes an evicted leaf out of the tree.
    private func remove(_ leaf: Node) {
        evictable.remove(leaf)
        nodeCount -= 1
        guard let parent = leaf.parent else { preconditionFailure("a root is not evicted") }
        parent.children[leaf.key(pageSize)] = nil
        leaf.parent = nil
        offerForEviction(parent)
    }

    /// Called when a node may have become an unlocked leaf.
    private func offerForEviction(_ node: Node) {
        guard node.lockCount == 0 && node.children.isEmpty else { return }
        if let namespace = node.namespace {
            roots[namespace] = nil
        } else {
            evictable.insert(node)
        }
    }

    /// Locks the nodes from `node` up to `end` (exclusive; nil: up to and with the root).
    private func lock(_ node: Node, upTo end: Node?) {
        var current: Node? = node
        while let here = current, here !== end {
            if here.lockCount == 0 {
                evictablePages -= here.pages.count
                lockedPages += here.pages.count
                if here.heapIndex >= 0 { evictable.remove(here) }
            }
            here.lockCount += 1
            current = here.parent
        }
    }

    private func unlock(_ node: Node) {
        useCounter += 1
        var current: Node? = node
        while let here = current {
            current = here.parent
            precondition(here.lockCount > 0)
            here.lockCount -= 1
            here.lastUse = useCounter
            if here.lockCount == 0 {
                evictablePages += here.pages.count
                lockedPages -= here.pages.count
                offerForEviction(here)
            }
        }
    }

    /// Walks down while whole pages match. `offset` is where the match ends; `matched` of its tokens are in `node`.
    private func descend(
        from start: Node, _ tokens: [Int32], offset: Int, limit: Int
    ) -> (node: Node, offset: Int, matched: Int) {
        let limit = min(limit, tokens.count)
        var node = start
        var offset = offset
        while offset + pageSize <= limit, let child = node.children[tokens[offset..<offset + pageSize]] {
            let matched = commonPages(child, tokens, offset: offset, limit: limit)
            node = child
            offset += matched
            if matched < child.tokens.count { return (node, offset, matched) }
        }
        return (node, offset, node.tokens.count)
    }

    /// As `descend`; a node that matches in part is split, so that the match ends with a node.
    private func descendSplitting(
        from start: Node, _ tokens: [Int32], offset: Int, limit: Int
    ) -> (node: Node, offset: Int) {
        let found = descend(from: start, tokens, offset: offset, limit: limit)
        let node = found.matched < found.node.tokens.count ? split(found.node, at: found.matched) : found.node
        return (node, found.offset)
    }

    /// Tokens of `child` that `tokens` has from `offset` on, in whole pages; the first page is known to match.
    private func commonPages(_ child: Node, _ tokens: [Int32], offset: Int, limit: Int) -> Int {
        let count = min(child.tokens.count, limit - offset)
        return child.tokens.withUnsafeBufferPointer { cached in
            tokens.withUnsafeBufferPointer { wanted in
                var same = pageSize
                while same < count && cached[same] == wanted[offset + same] { same += 1 }
                return same / pageSize * pageSize
            }
        }
    }

    /// Puts a new node above `node` for its first `length` tokens and returns it. Leases keep their node: it is the
    /// lower part, where they end.
    private func split(_ node: Node, at length: Int) -> Node {
        guard let parent = node.parent else { preconditionFailure("a root is not split") }
        let upper = Node(
            tokens: Array(node.tokens[..<length]), pages: Array(node.pages[..<(length / pageSize)]), parent: parent,
            lastUse: node.lastUse)
        upper.lockCount = node.lockCount
        parent.children[upper.key(pageSize)] = upper
        node.tokens = Array(node.tokens[length...])
        node.pages = Array(node.pages[(length / pageSize)...])
        node.parent = upper
        upper.children[node.key(pageSize)] = node
        nodeCount += 1
        return upper
    }

    /// The pages of the nodes below `top` down to `bottom`.
    private func pagesBetween(_ top: Node, _ bottom: Node) -> [Int32] {
        var path: [Node] = []
        var current = bottom
        while current !== top {
            path.append(current)
            guard let parent = current.parent else { preconditionFailure("\(top) is not above \(bottom)") }
            current = parent
        }
        return path.reversed().flatMap(\.pages)
    }

    /// The pages of the whole prefix that a lease holds.
    func pages(of lease: borrowing PrefixLease) -> [Int32] {
        guard var top = lease.node else { return [] }
        let bottom = top
        while let parent = top.parent { top = parent }
        return pagesBetween(top, bottom)
    }
}
