import ApusCore
import Testing

@Suite struct ClocksTests {
    @Test func monotonicNeverStepsBack() {
        var last = Clocks.monotonic()
        for _ in 0..<1_000 {
            let now = Clocks.monotonic()
            #expect(now >= last)
            last = now
        }
    }

    @Test func unixTimeIsOfThisMillennium() {
        #expect(Clocks.unix() > 1_700_000_000)
    }
}
