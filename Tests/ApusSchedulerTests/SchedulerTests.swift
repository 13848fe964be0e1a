import ApusCore
import ApusEngine
import ApusWire
import Testing

@testable import ApusScheduler

@Suite struct SchedulerTests {
    @Test func oneRequestStreamsItsTokensAndEnds() {
        let bench = Bench()
        bench.generate("a", [5, 6, 7], limit: 6)
        bench.runToIdle()
        let expected = bench.worker.reference([5, 6, 7], seed: 0, limit: 6) { $0 == 1 }
        let stream = bench.streams["a"]
        #expect(stream?.ids == expected.output)
        #expect(stream?.endings == 1)
        #expect(stream?.opening?.promptTail == [5, 6, 7])
        #expect(stream?.usage == Usage(promptTokens: 3, completionTokens: expected.output.count))
    }
}
