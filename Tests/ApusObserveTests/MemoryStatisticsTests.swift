import ApusObserve
import Testing

struct MemoryStatisticsTests {
    @Test
    func `jemalloc counts what malloc gives`() throws {
        #expect(try #require(Allocator.version).first?.isNumber == true)
        Allocator.configure(environment: [:])
        let before = MemoryStatistics.current()
        let block = UnsafeMutableRawPointer.allocate(byteCount: 64 << 20, alignment: 16)
        block.initializeMemory(as: UInt8.self, repeating: 1, count: 64 << 20)
        let during = MemoryStatistics.current()
        block.deallocate()
        // Other tests allocate meanwhile, in far smaller pieces.
        #expect(during.allocated - before.allocated > 60 << 20)
        #expect(during.resident - before.resident > 50 << 20)
        #expect(during.peak >= during.resident - (1 << 20))
        #expect(during.mapped >= during.active && during.active >= during.allocated)
    }
}
