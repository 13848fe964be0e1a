/// Byte strings with a number each, found by walking them byte by byte.
struct ByteTrie: Sendable {
    private struct Slot {
        /// Parent node << 8 | byte.
        var key: UInt32
        /// 0 in an empty slot: the root is nobody's child.
        var node: UInt32
    }

    private var slots = [Slot](repeating: Slot(key: 0, node: 0), count: 256)
    /// Number of the string that ends at each node, or -1.
    private var values: [Int32] = [-1]

    static let root: UInt32 = 0

    var isEmpty: Bool { values.count == 1 }

    /// A string that is there already gets the new number.
    mutating func insert(_ text: some Sequence<UInt8>, value: Int32) {
        var node = Self.root
        for byte in text {
            if let next = child(of: node, byte) {
                node = next
            } else {
                if values.count * 2 >= slots.count { grow() }
                let next = UInt32(values.count)
                values.append(-1)
                let key = node << 8 | UInt32(byte)
                slots[slot(of: key)] = Slot(key: key, node: next)
                node = next
            }
        }
        values[Int(node)] = value
    }

    @inline(__always)
    func child(of node: UInt32, _ byte: UInt8) -> UInt32? {
        let found = slots[slot(of: node << 8 | UInt32(byte))].node
        return found == 0 ? nil : found
    }

    /// The number of the string that ends at `node`.
    @inline(__always)
    func value(of node: UInt32) -> Int32? {
        let value = values[Int(node)]
        return value < 0 ? nil : value
    }

    /// The longest string that begins at `offset`: its number and its end.
    func longestMatch(in text: UnsafeBufferPointer<UInt8>, at offset: Int) -> (value: Int32, end: Int)? {
        var node = Self.root
        var best: (value: Int32, end: Int)?
        var position = offset
        while position < text.count, let next = child(of: node, text[position]) {
            node = next
            position += 1
            if let value = value(of: node) { best = (value, position) }
        }
        return best
    }

    private mutating func grow() {
        // A node number must leave room for a byte in a key.
        precondition(values.count < 1 << 23)
        let old = slots
        slots = Array(repeating: Slot(key: 0, node: 0), count: old.count * 2)
        for entry in old where entry.node != 0 { slots[slot(of: entry.key)] = entry }
    }

    @inline(__always)
    private func slot(of key: UInt32) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: (UInt64(key) &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
        while slots[slot].node != 0, slots[slot].key != key { slot = (slot + 1) & mask }
        return slot
    }
}
