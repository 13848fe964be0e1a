/// Token texts and their ids, both ways. Texts are bytes: no two that differ are the same token, whatever Unicode
/// thinks of them.
struct Vocabulary: Sendable {
    /// Texts of all tokens, one after another.
    private var texts: [UInt8] = []
    /// Entry of each id: where its text lies; empty at -1 for ids that nothing has.
    private var entries: [(start: Int32, count: Int32)] = []
    /// Open addressing: id + 1, or 0.
    private var slots: [Int32]
    private(set) var count = 0

    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 + 2 { size *= 2 }
        slots = [Int32](repeating: 0, count: size)
        entries.reserveCapacity(capacity)
    }

    /// One past the largest id.
    var idLimit: Int { entries.count }

    /// Adds a text that is not there yet, or gives an id to one that is.
    mutating func insert(_ text: [UInt8], id: Int32) {
        precondition(id >= 0 && (count + 1) * 2 <= slots.count)
        while entries.count <= Int(id) { entries.append((-1, 0)) }
        if let previous = self.id(of: text) {
            let slot = slot(of: text)
            entries[Int(id)] = entries[Int(previous)]
            if previous != id { slots[slot] = id + 1 }
            return
        }
        entries[Int(id)] = (Int32(texts.count), Int32(text.count))
        texts += text
        slots[slot(of: text)] = id + 1
        count += 1
    }

    func id(of text: [UInt8]) -> Int32? {
        text.withUnsafeBufferPointer { id(of: $0) }
    }

    func id(of text: UnsafeBufferPointer<UInt8>) -> Int32? {
        let slot = slot(of: text)
        return slots[slot] == 0 ? nil : slots[slot] - 1
    }

    func text(of id: Int32) -> [UInt8]? {
        withText(of: id) { Array($0) }
    }

    /// Calls `body` with the text of `id`, in place; nil if there is none.
    func withText<Result>(of id: Int32, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result? {
        guard id >= 0, Int(id) < entries.count, entries[Int(id)].start >= 0 else { return nil }
        let entry = entries[Int(id)]
        return texts.withUnsafeBufferPointer { texts in
            body(UnsafeBufferPointer(rebasing: texts[Int(entry.start)..<Int(entry.start + entry.count)]))
        }
    }

    private func slot(of text: [UInt8]) -> Int {
        text.withUnsafeBufferPointer { slot(of: $0) }
    }

    /// The slot that holds `text`, or the empty one where it would go.
    private func slot(of text: UnsafeBufferPointer<UInt8>) -> Int {
        var slot = Int(truncatingIfNeeded: ByteHash.hash(text)) & (slots.count - 1)
        while slots[slot] != 0 {
            let entry = entries[Int(slots[slot] - 1)]
            if Int(entry.count) == text.count, isEqual(Int(entry.start), text) { break }
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    private func isEqual(_ start: Int, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        for index in 0..<text.count where texts[start + index] != text[index] { return false }
        return true
    }
}

/// A fast hash of short byte strings, for tables whose keys no client chooses.
enum ByteHash {
    static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var state = UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
        var offset = 0
        let raw = UnsafeRawBufferPointer(bytes)
        while offset + 8 <= raw.count {
            state = mix(state, raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < raw.count {
            rest = rest << 8 | UInt64(raw[offset])
            offset += 1
        }
        return mix(state, rest)
    }

    /// The high and low halves of a 128-bit product, folded.
    @inline(__always)
    static func mix(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let (high, low) = (state ^ word ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
        return high ^ low
    }
}
