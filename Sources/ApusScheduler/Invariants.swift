import ApusEngine

extension Scheduler {
    /// What does not add up at rest, if anything: free + cached = pool, nothing locked. Cheap enough for a server.
    var leak: String? {
        guard cache.freeTokens + cache.cachedTokens != cache.capacity || cache.tree.lockedPages != 0 else { return nil }
        return """
            free \(cache.freeTokens) + cached \(cache.cachedTokens) of \(cache.capacity) tokens, \
            \(cache.tree.lockedPages) pages locked
            """
    }

    /// Everything that must hold between two steps, checked the slow way for tests. Empty when all is well.
    func violations() -> [String] {
        var found: [String] = []
        func expect(_ holds: Bool, _ words: @autoclosure () -> String) {
            if !holds { found.append(words()) }
        }
        var owners = PageOwners(pageCount: cache.allocator.pageCount)
        for page in cache.allocator.free { owners.claim(page, "free") }
        var locks: [ObjectIdentifier: Int] = [:]
        for request in requests.values {
            let rid = request.rid
            let held = request.table?.count ?? 0
            expect(held % cache.pageSize == 0 && request.lease.length <= held, "\(rid): ragged table")
            for position in stride(from: request.lease.length, to: held, by: cache.pageSize) {
                if let table = request.table { owners.claim(table[position] / Int32(cache.pageSize), rid) }
            }
            switch request.phase {
            case .compiling, .waiting, .finished:
                expect(held == 0 && request.lease.node == nil, "\(rid): holds memory while it does not run")
            case .prefilling:
                expect(prefilling === request, "\(rid): prefilling, and not the one that is")
            case .decoding:
                expect(decoding.requests.contains { $0 === request }, "\(rid): decoding, and not in the set")
                expect(request.computed < request.tokens.count, "\(rid): decoding with nothing to compute")
                expect(
                    request.computed == request.tokens.count - 1 || request.sampler.grammar != nil,
                    "\(rid): decoding with uncomputed tokens")
            }
            var node = request.lease.node
            if node != nil {
                let pages = cache.tree.pages(of: request.lease)
                expect(pages.count * cache.pageSize == request.lease.length, "\(rid): lease ends inside a node")
                for (index, page) in pages.enumerated() {
                    let slot = request.table?[index * cache.pageSize]
                    expect(slot == page * Int32(cache.pageSize), "\(rid): table and tree differ")
                }
            }
            while let here = node {
                locks[ObjectIdentifier(here), default: 0] += 1
                node = here.parent
            }
        }
        found += cache.tree.violations(locks: locks) { page in owners.claim(page, "tree") }
        found += owners.violations
        let waiting = requests.values.count { $0.phase == .waiting }
        expect(waiting == queue.count && queue.requests.count == waiting, "the queue's count is off")
        let compiling = requests.values.count { $0.phase == .compiling }
        expect(
            compiling == grammars.count && grammars.requests.count == compiling, "the grammar queue's count is off")
        expect(requests.values.count { $0.phase == .finished } == ledger.count, "the ledger's count is off")
        expect(decoding.requests.allSatisfy { $0.phase != .waiting }, "a waiting request runs")
        return found
    }
}

/// Each page has exactly one owner.
private struct PageOwners {
    private var owners: [String?]
    private(set) var doubles: [String] = []

    init(pageCount: Int) {
        owners = Array(repeating: nil, count: pageCount)
    }

    mutating func claim(_ page: Int32, _ owner: String) {
        if let other = owners[Int(page)] { doubles.append("page \(page) belongs to \(other) and \(owner)") }
        owners[Int(page)] = owner
    }

    var violations: [String] {
        doubles + owners.indices.filter { owners[$0] == nil }.map { "page \($0) belongs to nobody" }
    }
}

extension RadixTree {
    /// `locks`: leases through each node, as counted by their holders. `claim` gets every page.
    func violations(locks: [ObjectIdentifier: Int], claim: (Int32) -> Void) -> [String] {
        var found: [String] = []
        func expect(_ holds: Bool, _ words: @autoclosure () -> String) {
            if !holds { found.append(words()) }
        }
        var counts = (nodes: 0, locked: 0, evictable: 0, leaves: 0)
        var stack: [Node] = []
        for (namespace, root) in roots {
            expect(root.namespace == namespace && root.parent == nil && root.tokens.isEmpty, "a strange root")
            expect(!root.children.isEmpty || root.lockCount > 0, "an empty root is kept")
            stack.append(root)
        }
        while let node = stack.popLast() {
            let isRoot = node.namespace != nil
            for page in node.pages { claim(page) }
            counts.nodes += isRoot ? 0 : 1
            expect(node.tokens.count == node.pages.count * pageSize, "tokens and pages differ in number")
            expect(isRoot || !node.pages.isEmpty, "an empty node")
            expect(
                node.lockCount == locks[ObjectIdentifier(node), default: 0], "a lock that nobody holds, or the reverse")
            if node.lockCount > 0 { counts.locked += node.pages.count } else { counts.evictable += node.pages.count }
            let isLoose = !isRoot && node.lockCount == 0 && node.children.isEmpty
            expect((node.heapIndex >= 0) == isLoose, "a node is wrongly in or out of the eviction heap")
            if isLoose { counts.leaves += 1 }
            for (key, child) in node.children {
                expect(child.parent === node && child.tokens.starts(with: key), "a child under the wrong key")
                expect(key.count == pageSize, "a key that is no page")
                expect(
                    child.lastUse <= node.lastUse || node.lockCount > 0 || isRoot, "a child was used after its parent")
                stack.append(child)
            }
        }
        expect(counts.nodes == nodeCount, "\(nodeCount) nodes are counted, \(counts.nodes) are there")
        expect(counts.locked == lockedPages, "\(lockedPages) pages are counted as locked, \(counts.locked) are")
        expect(
            counts.evictable == evictablePages, "\(evictablePages) pages are counted evictable, \(counts.evictable) are"
        )
        expect(counts.leaves == evictable.nodes.count, "the eviction heap holds strangers")
        for (index, node) in evictable.nodes.enumerated() {
            expect(node.heapIndex == index, "a node does not know its place in the heap")
            expect(
                index == 0 || evictable.nodes[(index - 1) / 2].lastUse <= node.lastUse, "the heap is out of order")
        }
        return found
    }
}
