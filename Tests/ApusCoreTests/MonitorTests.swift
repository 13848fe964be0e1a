import ApusCore
import Testing

@Suite struct MonitorTests {
    @Test func threadsTakeTurns() {
        let turns = Monitor(0)
        let other = NamedThread("other") {
            for turn in 0..<2000 {
                turns.wait { $0 == 2 * turn + 1 }
                turns.change { $0 += 1 }
            }
        }
        for turn in 0..<2000 {
            turns.change { $0 += 1 }
            #expect(turns.wait { $0 == 2 * turn + 2 })
        }
        other.join()
    }

    @Test func whoWaitsForNothingGoesOnInTheEnd() {
        let monitor = Monitor(false)
        #expect(!monitor.wait(atMost: 0) { $0 })
        #expect(!monitor.wait(atMost: 0.001) { $0 })
        monitor.change { $0 = true }
        #expect(monitor.wait(atMost: 0) { $0 })
    }
}
