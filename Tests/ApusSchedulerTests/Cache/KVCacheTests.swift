import ApusEngine
import Testing

@testable import ApusScheduler

@Suite struct KVCacheTests {
    let namespace = PrefixNamespace(name: "", generation: 0)

    private final class Holder {
        var lease = PrefixLease()
        let table = SlotTable(capacity: 64)
        var slots: [Int32] { (0..<table.count).map { table[$0] } }
    }

    private func compute(_ cache: KVCache, _ holder: Holder, _ tokens: [Int32]) {
        cache.open(&holder.lease, tokens, limit: tokens.count - 1, in: namespace, table: holder.table)
        #expect(cache.grow(holder.table, to: tokens.count))
        cache.extend(&holder.lease, tokens, to: tokens.count, table: holder.table)
    }

    @Test func theSecondToComputeAPrefixTakesTheFirstOnesSlots() {
        let cache = KVCache(slotCount: 32, pageSize: 2, isDisabled: false)
        let tokens: [Int32] = [1, 2, 3, 4, 5]
        let first = Holder()
        let second = Holder()
        for holder in [first, second] {
            cache.open(&holder.lease, tokens, limit: 4, in: namespace, table: holder.table)
            #expect(cache.grow(holder.table, to: 5))
        }
        let own = second.slots
        cache.extend(&first.lease, tokens, to: 5, table: first.table)
        #expect(cache.freeTokens == 32 - 12)
        cache.extend(&second.lease, tokens, to: 5, table: second.table)
        #expect(Array(second.slots[..<4]) == Array(first.slots[..<4]))
        #expect(Array(second.slots[4...]) == Array(own[4...]))
        #expect(cache.freeTokens == 32 - 8 && cache.cachedTokens == 4 && cache.heldTokens == 4)
        cache.release(&first.lease, table: first.table)
        #expect(cache.tree.lockedPages == 2)
        cache.release(&second.lease, table: second.table)
        #expect(cache.freeTokens == 28 && cache.cachedTokens == 4 && cache.tree.lockedPages == 0)
    }

    @Test func growingEvictsNoMoreThanItNeedsAndChangesNothingWhenItFails() {
        let cache = KVCache(slotCount: 8, pageSize: 1, isDisabled: false)
        let first = Holder()
        compute(cache, first, [1, 2, 3, 4, 5, 6])
        cache.release(&first.lease, table: first.table)
        let second = Holder()
        compute(cache, second, [1, 2, 9])
        #expect(cache.availableTokens == 5)
        #expect(!cache.grow(second.table, to: 9))
        #expect(second.table.count == 3 && cache.freeTokens == 1)
        #expect(cache.grow(second.table, to: 7))
        #expect(cache.freeTokens == 0 && cache.cachedTokens == 4)
        #expect(cache.matchLength([1, 2, 3, 4, 5], limit: 5, in: namespace) == 3)
        cache.release(&second.lease, table: second.table)
        cache.flush()
        #expect(cache.freeTokens == 8)
    }

    @Test func aDisabledCacheKeepsNothing() {
        let cache = KVCache(slotCount: 9, pageSize: 2, isDisabled: true)
        #expect(cache.capacity == 8)
        let holder = Holder()
        compute(cache, holder, [1, 2, 3])
        #expect(cache.cachedTokens == 0 && cache.heldTokens == 4)
        cache.release(&holder.lease, table: holder.table)
        #expect(cache.freeTokens == 8)
        #expect(cache.matchLength([1, 2, 3], limit: 3, in: namespace) == 0)
    }

    @Test func pagesComeBackInAnyOrder() {
        var allocator = SlotAllocator(slotCount: 7, pageSize: 2)
        let taken = (0..<3).compactMap { _ in allocator.take() }
        #expect(Set(taken) == [0, 1, 2] && allocator.take() == nil)
        for page in [1, 0, 2] as [Int32] { allocator.give(page) }
        #expect(allocator.take() == 2)
    }
}
