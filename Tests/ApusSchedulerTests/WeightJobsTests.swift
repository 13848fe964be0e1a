import ApusCore
import ApusWire
import Logging
import Synchronization
import Testing

@testable import ApusScheduler

@Suite struct WeightJobsTests {
    private let library = FakeLibrary()
    private let list = JobList()

    private func jobs() -> WeightJobs {
        WeightJobs(library, wake: {}, start: { [list] in list.append($0) })
    }

    private var calls: [Int] { library.state.withLock(\.givenBack) }

    @Test func spareMemoryGoesBackInSmallParts() {
        let jobs = jobs()
        for tick in 0..<100 { jobs.tendMemory(now: 10 + Double(tick) / 16) }
        // Four times a second, 16 MB a second.
        #expect(calls == Array(repeating: 4 << 20, count: 25))
    }

    @Test func nothingGoesBackWhileAJobRunsAndForAWhileAfter() throws {
        let jobs = jobs()
        jobs.check("w7", format: nil)
        for now in [0, 100, 200.0] { jobs.tendMemory(now: now) }
        #expect(calls.isEmpty)
        list.runOne()
        jobs.tendMemory(now: 300)
        guard case .checked(let candidate)? = jobs.take() else {
            Issue.record("the check came to nothing")
            return
        }
        jobs.tendMemory(now: 359)
        jobs.load(candidate, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        jobs.tendMemory(now: 400)
        list.runOne()
        #expect(jobs.take() != nil && jobs.loadSeconds > 0)
        jobs.tendMemory(now: 459)
        #expect(calls.isEmpty)
        jobs.tendMemory(now: 460)
        #expect(calls.count == 1)
    }

    /// The old weights may serve a stream for much longer than the load took.
    @Test func whatIsFreedLateIsKeptToo() {
        let jobs = jobs()
        jobs.check(nil, format: nil)
        jobs.tendMemory(now: 0)
        list.runOne()
        #expect(jobs.take() != nil)
        jobs.tendMemory(now: 100)
        #expect(calls.count == 1)
        jobs.noteFreed(now: 100)
        for now in [101, 130, 159.9] { jobs.tendMemory(now: now) }
        #expect(calls.count == 1)
        jobs.tendMemory(now: 160)
        #expect(calls.count == 2)
    }

    @Test func whoDropsWeightsKeepsTheirMemory() {
        let bench = Bench(library: library)
        bench.generate("stream", [5, 6, 7], limit: 40) { $0.ignoreEOS = true }
        bench.send(.control(call: 1, .updateWeights(.init(path: "w7", format: nil, version: nil, flushesCache: true))))
        repeat { bench.step() } while bench.jobs.runOne()
        #expect(bench.scheduler.generations.resident == [0, 1])
        bench.time.now += 100
        bench.step()
        let before = calls.count
        bench.runToIdle()
        bench.step()
        #expect(bench.scheduler.generations.resident == [1])
        bench.time.now += 59
        bench.step()
        #expect(calls.count == before)
        bench.time.now += 2
        bench.step()
        #expect(calls.count == before + 1)
    }
}
