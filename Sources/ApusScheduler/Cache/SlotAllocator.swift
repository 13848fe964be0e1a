/// The free pages of the KV pool. A page is `pageSize` consecutive slots; page `i` begins at slot `i * pageSize`.
///
/// Only numbers live here: the K/V values belong to the worker.
struct SlotAllocator {
    let pageSize: Int
    /// Pages in the pool; slots that do not fill a page are never used.
    let pageCount: Int
    /// A stack: the page freed last is used first, while it is still in a cache.
    private(set) var free: [Int32]
    /// [pageCount] whether a page is on the stack: freeing twice is caught where it happens.
    private var isFree: [Bool]

    init(slotCount: Int, pageSize: Int) {
        precondition(pageSize > 0 && slotCount >= 0)
        self.pageSize = pageSize
        pageCount = slotCount / pageSize
        free = (0..<Int32(pageCount)).reversed()
        isFree = Array(repeating: true, count: pageCount)
    }

    /// A page that nobody has; nil when there is none.
    mutating func take() -> Int32? {
        guard let page = free.popLast() else { return nil }
        isFree[Int(page)] = false
        return page
    }

    mutating func give(_ page: Int32) {
        precondition(!isFree[Int(page)], "page \(page) was freed twice")
        isFree[Int(page)] = true
        free.append(page)
    }
}
