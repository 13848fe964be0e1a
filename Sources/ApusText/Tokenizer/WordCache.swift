/// Remembers the ids of words. Of bounded size: a word takes the slot of another that hashes alike, and when the store
/// of texts and ids is full it begins anew.
struct WordCache: ~Copyable {
    /// Longer words are rare and would push out many short ones.
    static let maximumWordLength = 48
    private static let slotCount = 1 << 14
    private static let textCapacity = 1 << 18
    private static let idCapacity = 1 << 17

    private struct Slot {
        var hash: UInt64 = 0
        var textStart: Int32 = 0
        var idStart: Int32 = 0
        var textCount: UInt8 = 0
        var idCount: UInt8 = 0
    }

    private var slots = [Slot](repeating: Slot(), count: slotCount)
    private var texts: [UInt8] = []
    private var ids: [Int32] = []

    /// Appends the ids of `word` if they are known.
    func append(_ word: UnsafeBufferPointer<UInt8>, to output: inout [Int32]) -> Bool {
        let hash = ByteHash.hash(word)
        let slot = slots[Self.index(hash)]
        guard slot.hash == hash, Int(slot.textCount) == word.count else { return false }
        let start = Int(slot.textStart)
        for index in 0..<word.count where texts[start + index] != word[index] { return false }
        for index in 0..<Int(slot.idCount) { output.append(ids[Int(slot.idStart) + index]) }
        return true
    }

    mutating func store(_ word: UnsafeBufferPointer<UInt8>, _ wordIDs: ArraySlice<Int32>) {
        if texts.count + word.count > Self.textCapacity || ids.count + wordIDs.count > Self.idCapacity {
            slots = [Slot](repeating: Slot(), count: Self.slotCount)
            texts.removeAll(keepingCapacity: true)
            ids.removeAll(keepingCapacity: true)
        }
        let hash = ByteHash.hash(word)
        slots[Self.index(hash)] = Slot(
            hash: hash, textStart: Int32(texts.count), idStart: Int32(ids.count), textCount: UInt8(word.count),
            idCount: UInt8(wordIDs.count))
        texts.append(contentsOf: word)
        ids.append(contentsOf: wordIDs)
    }

    private static func index(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (slotCount - 1) }
}
