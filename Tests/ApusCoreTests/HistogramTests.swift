import ApusCore
import ApusTestSupport
import Testing

struct HistogramTests {
    @Test
    func `values fall into the bucket of the first edge that is not below`() {
        var histogram = Histogram([1, 2, 4])
        for value in [0, 1, 1.5, 2, 3, 4, 5, 1e9] { histogram.observe(value) }
        histogram.observe(2, times: 3)
        #expect(histogram.counts == [2, 5, 2, 2])
        #expect(histogram.count == 11)
        #expect(histogram.sum == 1e9 + 22.5)
    }

    @Test
    func `buckets are those of a linear search`() {
        var random = SeededRandom(seed: 5)
        for _ in 0..<100 {
            let bounds = Set(
                (0..<Int.random(in: 0..<9, using: &random)).map { _ in Double(Int.random(in: 0..<20, using: &random)) }
            ).sorted()
            var histogram = Histogram(bounds)
            let value = Double(Int.random(in: -2..<22, using: &random))
            histogram.observe(value)
            #expect(histogram.counts.firstIndex(of: 1) == bounds.firstIndex { value <= $0 } ?? bounds.count)
        }
    }

    @Test
    func `what cannot be one is refused`() {
        #expect(Histogram(bounds: [1, 2], counts: [0, 1, 2], sum: 3) != nil)
        #expect(Histogram(bounds: [2, 1], counts: [0, 1, 2], sum: 3) == nil)
        #expect(Histogram(bounds: [1, .infinity], counts: [0, 1, 2], sum: 3) == nil)
        #expect(Histogram(bounds: [1], counts: [1], sum: 3) == nil)
        #expect(Histogram(bounds: [1], counts: [1, -1], sum: 3) == nil)
    }
}
