import ApusCore
import ApusSupervisor
import ApusTestSupport
import Testing

struct RestartPolicyTests {
    @Test
    func `delays double up to a limit, less a random share`() {
        let policy = RestartPolicy()
        for seed in 0..<200 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            for failures in 1...40 {
                let full = min(0.05 * Double(1 << min(failures - 1, 20)), 2)
                let delay = policy.delay(failures: failures, using: &random)
                #expect(delay <= full && delay >= 0.8 * full, "seed \(seed), failure \(failures)")
            }
        }
    }

    @Test
    func `delays differ between seeds`() {
        let policy = RestartPolicy()
        let delays = (0..<20 as Range<UInt64>).map { seed -> Double in
            var random = SplitMix64(seed: seed)
            return policy.delay(failures: 5, using: &random)
        }
        #expect(Set(delays).count > 15)
    }

    @Test
    func `wait statuses`() {
        #expect(ProcessEnding(waitStatus: 0x0000) == .code(0))
        #expect(ProcessEnding(waitStatus: 0x4E00) == .code(78))
        #expect(ProcessEnding(waitStatus: 9) == .signal(9))
        #expect(ProcessEnding(waitStatus: 0x86) == .signal(6))
        #expect(ProcessEnding.signal(9).shellCode == 137)
        #expect(ProcessEnding.code(2).isConfigurationError && ProcessEnding.code(78).isConfigurationError)
        #expect(!ProcessEnding.code(1).isConfigurationError && !ProcessEnding.signal(2).isConfigurationError)
    }
}
