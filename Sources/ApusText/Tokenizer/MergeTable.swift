/// One of the parts that a word consists of while it is merged.
struct MergeSymbol {
    var id: Int32
    /// Neighbours that are alive; -1 at the ends.
    var previous: Int32 = -1
    var next: Int32 = -1
    /// Rank of the merge with the next symbol, `MergeTable.none` if there is none.
    var rank: UInt32 = MergeTable.none
    /// What that merge makes.
    var mergedID: Int32 = -1
    var isAlive = true

    init(id: Int32) { self.id = id }
}

/// The merges of a BPE model: pair of ids to rank and id.
struct MergeTable: Sendable {
    static let none = UInt32.max

    private struct Slot {
        /// Left id << 32 | right id.
        var pair: UInt64
        /// `none` in an empty slot.
        var rank: UInt32
        var id: Int32
    }

    private var slots: [Slot]

    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        slots = Array(repeating: Slot(pair: 0, rank: Self.none, id: 0), count: size)
    }

    /// Of equal pairs the last one holds.
    mutating func insert(_ left: Int32, _ right: Int32, rank: UInt32, id: Int32) {
        let pair = Self.pair(left, right)
        slots[slot(of: pair)] = Slot(pair: pair, rank: rank, id: id)
    }

    private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    private func slot(of pair: UInt64) -> Int {
        var slot = Int(truncatingIfNeeded: ByteHash.mix(pair, 0)) & (slots.count - 1)
        while slots[slot].rank != Self.none, slots[slot].pair != pair { slot = (slot + 1) & (slots.count - 1) }
        return slot
    }

    /// Applies all merges in order of rank, those of equal rank from left to right; merged-away symbols are not alive
    /// afterwards. O(n log n). `queue` is working memory.
    func mergeAll(_ symbols: inout [MergeSymbol], _ queue: inout [UInt64]) {
        guard symbols.count > 1 else { return }
        queue.removeAll(keepingCapacity: true)
        for index in symbols.indices {
            symbols[index].previous = Int32(index - 1)
            symbols[index].next = index + 1 < symbols.count ? Int32(index + 1) : -1
        }
        for index in symbols.indices { enqueue(index, &symbols, &queue) }
        while let key = queue.popSmallest() {
            let index = Int(key & 0xFFFF_FFFF)
            // An entry is void if its pair is gone or has changed since.
            guard symbols[index].isAlive, UInt64(symbols[index].rank) == key >> 32 else { continue }
            let right = Int(symbols[index].next)
            symbols[index].id = symbols[index].mergedID
            symbols[index].next = symbols[right].next
            symbols[right].isAlive = false
            if symbols[right].next >= 0 { symbols[Int(symbols[right].next)].previous = Int32(index) }
            enqueue(index, &symbols, &queue)
            if symbols[index].previous >= 0 { enqueue(Int(symbols[index].previous), &symbols, &queue) }
        }
    }

    /// Looks up the merge of the symbol with its next one.
    private func enqueue(_ index: Int, _ symbols: inout [MergeSymbol], _ queue: inout [UInt64]) {
        symbols[index].rank = Self.none
        guard symbols[index].next >= 0 else { return }
        let slot = slots[slot(of: Self.pair(symbols[index].id, symbols[Int(symbols[index].next)].id))]
        guard slot.rank != Self.none else { return }
        symbols[index].rank = slot.rank
        symbols[index].mergedID = slot.id
        queue.insertKeepingHeap(UInt64(slot.rank) << 32 | UInt64(index))
    }
}

/// A binary heap, smallest first.
extension [UInt64] {
    fileprivate mutating func insertKeepingHeap(_ key: UInt64) {
        append(key)
        var child = count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard self[parent] > key else { break }
            self[child] = self[parent]
            child = parent
        }
        self[child] = key
    }

    fileprivate mutating func popSmallest() -> UInt64? {
        guard let smallest = first else { return nil }
        let key = removeLast()
        guard !isEmpty else { return smallest }
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < count else { break }
            if child + 1 < count, self[child + 1] < self[child] { child += 1 }
            guard self[child] < key else { break }
            self[parent] = self[child]
            parent = child
        }
        self[parent] = key
        return smallest
    }
}
