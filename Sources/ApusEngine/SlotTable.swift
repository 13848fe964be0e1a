/// The KV slots of one sequence by position, in memory that never moves, so that kernels read it in place.
package final class SlotTable {
    /// [capacity] slot of each position; the first `count` are set.
    package let pointer: UnsafeMutablePointer<Int32>
    package let capacity: Int
    package private(set) var count = 0

    package init(capacity: Int) {
        self.capacity = capacity
        pointer = .allocate(capacity: capacity)
    }

    deinit {
        pointer.deallocate()
    }

    package subscript(position: Int) -> Int32 {
        get {
            precondition(position >= 0 && position < count)
            return pointer[position]
        }
        set {
            precondition(position >= 0 && position < count)
            pointer[position] = newValue
        }
    }

    package func append(_ slot: Int32) {
        precondition(count < capacity, "a sequence outgrew its slot table")
        pointer[count] = slot
        count += 1
    }

    package func append(contentsOf slots: some Sequence<Int32>) {
        for slot in slots { append(slot) }
    }

    /// Forgets the slots from `length` on.
    package func truncate(to length: Int) {
        precondition(length >= 0 && length <= count)
        count = length
    }
}
