import ApusTestSupport
import Testing

@testable import ApusScheduler

/// The tree against a model that knows nothing of nodes: a table from each cached prefix, in whole pages, to the page
/// that holds its end, with the moment of its last use.
@Suite struct RadixTreeTests {
    struct Model {
        struct Entry {
            var page: Int32
            var lastUse: Int
            var leases = 0
        }

        let pageSize: Int
        var entries: [[Int32]: Entry] = [:]
        var clock = 0

        func match(_ tokens: [Int32], limit: Int) -> Int {
            var length = 0
            while length + pageSize <= min(limit, tokens.count), entries[Array(tokens[..<(length + pageSize)])] != nil {
                length += pageSize
            }
            return length
        }

        func prefixes(_ tokens: [Int32], from start: Int = 0, to end: Int) -> [[Int32]] {
            stride(from: start + pageSize, through: end, by: pageSize).map { Array(tokens[..<$0]) }
        }

        /// Prefixes that nothing is built upon and nobody leases.
        var loose: [[Int32]] {
            let built = Set(entries.keys.map { Array($0.dropLast(pageSize)) })
            return entries.keys.filter { !built.contains($0) && entries[$0]?.leases == 0 }
        }
    }

    final class Holder {
        var lease = PrefixLease()
        var tokens: [Int32] = []
    }

    @Test(arguments: [1, 2, 3, 16], [UInt64(1), 2, 3])
    func randomOperationsAgreeWithAModel(pageSize: Int, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let tree = RadixTree(pageSize: pageSize)
        let namespace = PrefixNamespace(name: "", generation: 1)
        var model = Model(pageSize: pageSize)
        var free: [Int32] = (0..<400).reversed()
        var holders: [Holder] = []
        for _ in 0..<1500 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...3 where holders.count < 12:
                // Few tokens and shared beginnings, so that prefixes meet and part at every offset.
                let length = Int.random(in: 1...(6 * pageSize + 3), using: &random)
                let holder = Holder()
                holder.tokens = (0..<length).map { index in
                    index % pageSize == pageSize - 1 ? Int32.random(in: 0..<3, using: &random) : 7
                }
                let limit = Int.random(in: 0...length, using: &random)
                let expected = model.match(holder.tokens, limit: limit)
                #expect(tree.match(holder.tokens, limit: limit, in: namespace).length == expected)
                tree.open(&holder.lease, holder.tokens, limit: limit, in: namespace)
                #expect(holder.lease.length == expected)
                let pages = model.prefixes(holder.tokens, to: expected).map { model.entries[$0]?.page }
                #expect(tree.pages(of: holder.lease) == pages)
                for prefix in model.prefixes(holder.tokens, to: expected) { model.entries[prefix]?.leases += 1 }
                holders.append(holder)
            case 4...6:
                guard let holder = holders.randomElement(using: &random) else { continue }
                let start = holder.lease.length
                let end = Int.random(in: start...holder.tokens.count, using: &random) / pageSize * pageSize
                guard end > start, free.count >= (end - start) / pageSize else { continue }
                let own = (0..<(end - start) / pageSize).compactMap { _ in free.popLast() }
                let kept = tree.extend(&holder.lease, holder.tokens, to: end, pages: own)
                var expected: [Int32] = []
                for (prefix, page) in zip(model.prefixes(holder.tokens, from: start, to: end), own) {
                    let entry = model.entries[prefix] ?? .init(page: page, lastUse: model.clock)
                    expected.append(entry.page)
                    model.entries[prefix] = entry
                    model.entries[prefix]?.leases += 1
                    if entry.page != page { free.append(page) }
                }
                #expect(kept == expected)
                #expect(holder.lease.length == end)
            case 7, 8:
                guard !holders.isEmpty else { continue }
                let holder = holders.remove(at: Int.random(in: 0..<holders.count, using: &random))
                model.clock += 1
                for prefix in model.prefixes(holder.tokens, to: holder.lease.length) {
                    model.entries[prefix]?.leases -= 1
                    model.entries[prefix]?.lastUse = model.clock
                }
                tree.close(&holder.lease)
            default:
                let count = Int.random(in: 0...8, using: &random)
                let possible = min(count, tree.evictablePages)
                var given: [Int32] = []
                tree.evict(count) { given.append($0) }
                #expect(given.count == possible)
                evict(given, from: &model)
                free += given
            }
            check(tree, model, holders, free, namespace)
        }
        for holder in holders { tree.close(&holder.lease) }
        tree.removeAll { free.append($0) }
        #expect(Set(free).count == 400 && tree.roots.isEmpty && tree.pageCount == 0 && tree.nodeCount == 0)
    }

    /// Each page given must have been the end of a prefix that was loose, and less recently used than any other such.
    private func evict(_ pages: [Int32], from model: inout Model) {
        // Shortening a leaf gives its pages in order, so the longest prefix among them goes first.
        var left = Set(pages)
        while !left.isEmpty {
            let loose = model.loose
            let oldest = loose.compactMap { model.entries[$0]?.lastUse }.min()
            guard
                let prefix = loose.first(where: { prefix in
                    model.entries[prefix].map { left.contains($0.page) && $0.lastUse == oldest } ?? false
                }), let entry = model.entries[prefix]
            else {
                Issue.record("pages \(left) were in use, or younger than others")
                return
            }
            left.remove(entry.page)
            model.entries[prefix] = nil
        }
    }

    private func check(
        _ tree: RadixTree, _ model: Model, _ holders: [Holder], _ free: [Int32], _ namespace: PrefixNamespace
    ) {
        var locks: [ObjectIdentifier: Int] = [:]
        for holder in holders {
            var node = holder.lease.node
            while let here = node {
                locks[ObjectIdentifier(here), default: 0] += 1
                node = here.parent
            }
        }
        var pages: [Int32] = []
        let violations = tree.violations(locks: locks) { pages.append($0) }
        #expect(violations.isEmpty, "\(violations)")
        #expect(pages.sorted() == model.entries.values.map(\.page).sorted())
        #expect(free.count + pages.count == 400)
        #expect(tree.evictablePages == model.entries.values.count { $0.leases == 0 })
        for prefix in model.entries.keys {
            #expect(tree.match(prefix, limit: .max, in: namespace).length == prefix.count)
        }
    }

    @Test func namespacesAndWeightVersionsShareNothing() {
        let tree = RadixTree(pageSize: 1)
        let names = [("", 1), ("a", 1), ("", 2)].map { PrefixNamespace(name: $0.0, generation: $0.1) }
        let tokens: [Int32] = [1, 2, 3]
        let holder = Holder()
        tree.open(&holder.lease, tokens, limit: 3, in: names[0])
        _ = tree.extend(&holder.lease, tokens, to: 3, pages: [0, 1, 2])
        tree.close(&holder.lease)
        #expect(names.map { tree.match(tokens, limit: 3, in: $0).length } == [3, 0, 0])
    }

    @Test func aNamespaceWithoutPrefixesLeavesNothingBehind() {
        let tree = RadixTree(pageSize: 1)
        for index in 0..<100 {
            let holder = Holder()
            tree.open(&holder.lease, [1], limit: 1, in: PrefixNamespace(name: "\(index)", generation: 0))
            tree.close(&holder.lease)
        }
        #expect(tree.roots.isEmpty)
    }

    @Test func aLongLeafIsShortenedNotLost() {
        let tree = RadixTree(pageSize: 2)
        let namespace = PrefixNamespace(name: "", generation: 0)
        let tokens = [Int32](0..<20)
        let holder = Holder()
        tree.open(&holder.lease, tokens, limit: 20, in: namespace)
        _ = tree.extend(&holder.lease, tokens, to: 20, pages: [Int32](0..<10))
        tree.close(&holder.lease)
        var given: [Int32] = []
        tree.evict(3) { given.append($0) }
        #expect(given.sorted() == [7, 8, 9])
        #expect(tree.match(tokens, limit: 20, in: namespace).length == 14)
    }
}
