import ApusCore
import ApusEngine
import ApusWire

/// The accounts of the KV pool: every page is free, cached (in the tree) or held by one request.
///
/// A request's slot table reads, by position: `0 ..< lease.length` belong to the tree (locked by the lease), from
/// there to `table.count` the pages are the request's own. Both borders are whole pages.
final class KVCache {
    let pageSize: Int
    /// Slots that can be used: whole pages.
    let capacity: Int
    /// Prefixes are neither kept nor matched.
    let isDisabled: Bool
    private(set) var allocator: SlotAllocator
    let tree: RadixTree
    /// Cached tokens that had to go, and the seconds that it took each time.
    private(set) var evictedTokens = 0
    private(set) var evictionSeconds = Histogram(SchedulerFigures.evictionBounds)

    init(slotCount: Int, pageSize: Int, isDisabled: Bool) {
        self.pageSize = pageSize
        self.isDisabled = isDisabled
        allocator = SlotAllocator(slotCount: slotCount, pageSize: pageSize)
        tree = RadixTree(pageSize: pageSize)
        capacity = allocator.pageCount * pageSize
    }

    // MARK: - Accounts, in tokens

    var freeTokens: Int { allocator.free.count * pageSize }
    var cachedTokens: Int { tree.pageCount * pageSize }
    var heldTokens: Int { capacity - freeTokens - cachedTokens }
    /// What can be had: free now, or after eviction.
    var availableTokens: Int { (allocator.free.count + tree.evictablePages) * pageSize }
    /// Share of the pool that running requests use.
    var usage: Double { capacity == 0 ? 0 : Double(capacity - availableTokens) / Double(capacity) }

    func pages(for tokenCount: Int) -> Int { (tokenCount + pageSize - 1) / pageSize }

    // MARK: - A request's pages

    /// Tokens among the first `limit` that are cached, without touching anything.
    func matchLength(_ tokens: [Int32], limit: Int, in namespace: PrefixNamespace) -> Int {
        isDisabled ? 0 : tree.match(tokens, limit: limit, in: namespace).length
    }

    /// Leases the longest cached prefix and enters its slots in the (empty) table.
    func open(
        _ lease: inout PrefixLease, _ tokens: [Int32], limit: Int, in namespace: PrefixNamespace, table: SlotTable
    ) {
        precondition(table.count == 0)
        guard !isDisabled else { return }
        tree.open(&lease, tokens, limit: limit, in: namespace)
        for page in tree.pages(of: lease) { append(page, to: table) }
    }

    /// Makes the table reach `length` tokens, evicting as needed; false, with nothing changed, when the pool is full.
    func grow(_ table: SlotTable, to length: Int) -> Bool {
        let missing = pages(for: length - table.count)
        guard missing > 0 else { return true }
        guard missing * pageSize <= availableTokens else { return false }
        if missing > allocator.free.count {
            evict(missing - allocator.free.count)
        }
        for _ in 0..<missing {
            guard let page = allocator.take() else { preconditionFailure("evicted pages are missing") }
            append(page, to: table)
        }
        return true
    }

    private func evict(_ pageCount: Int) {
        let start = Clocks.monotonic()
        tree.evict(pageCount) { allocator.give($0) }
        evictionSeconds.observe(Clocks.monotonic() - start)
        evictedTokens += pageCount * pageSize
    }

    /// Puts the first `length` tokens, whose KV is computed, in the tree and under the lease. Pages of tokens that the
    /// tree already has are freed: the table changes to the tree's slots.
    func extend(_ lease: inout PrefixLease, _ tokens: [Int32], to length: Int, table: SlotTable) {
        let end = length / pageSize * pageSize
        guard !isDisabled && end > lease.length else { return }
        let start = lease.length
        let own = stride(from: start, to: end, by: pageSize).map { table[$0] / Int32(pageSize) }
        let kept = tree.extend(&lease, tokens, to: end, pages: own)
        for (index, (mine, page)) in zip(own, kept).enumerated() where mine != page {
            allocator.give(mine)
            for offset in 0..<pageSize {
                table[start + index * pageSize + offset] = page * Int32(pageSize) + Int32(offset)
            }
        }
    }

    /// The only way back: frees the request's own pages and closes its lease.
    func release(_ lease: inout PrefixLease, table: SlotTable) {
        for position in stride(from: lease.length, to: table.count, by: pageSize) {
            allocator.give(table[position] / Int32(pageSize))
        }
        tree.close(&lease)
        table.truncate(to: 0)
    }

    /// Forgets every prefix; only when no request holds one.
    func flush() {
        tree.removeAll { allocator.give($0) }
    }

    /// Forgets the prefixes that weights of a generation computed, but for those that a request holds.
    func drop(generation: Int) {
        tree.drop(generation: generation) { allocator.give($0) }
    }

    private func append(_ page: Int32, to table: SlotTable) {
        for slot in page * Int32(pageSize)..<(page + 1) * Int32(pageSize) { table.append(slot) }
    }
}
