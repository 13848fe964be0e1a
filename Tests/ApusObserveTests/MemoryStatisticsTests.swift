import ApusObserve
import ApusTestSupport
import Testing

struct MemoryStatisticsTests {
    @Test(.disabled(if: isSanitizing))
    func `jemalloc counts what malloc gives`() throws {
        #expect(try #require(Allocator.version).first?.isNumber == true)
        Allocator.configure(environment: [:])
        // Never touched, so it takes no memory; so large that what other tests allocate and free meanwhile is little.
        let byteCount = 4 << 30
        let before = MemoryStatistics.current()
        let block = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 16)
        let during = MemoryStatistics.current()
        block.deallocate()
        #expect(during.allocated - before.allocated > byteCount / 2)
        #expect(during.mapped - before.mapped > byteCount / 2)
        #expect(during.active >= byteCount)
        #expect(during.resident > 1 << 20 && during.resident < byteCount)
        #expect(during.peak > 1 << 20)
    }
}
