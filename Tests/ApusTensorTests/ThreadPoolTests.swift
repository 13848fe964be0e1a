import ApusTensor
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct ThreadPoolTests {
    @Test(arguments: 1...4) func everyIndexRunsOnce(threads: Int) throws {
        let pool = try ThreadPool(threads: threads)
        for round in 0..<400 {
            let count = round % 37
            let calls = UnsafeMutablePointer<Int>.allocate(capacity: count + 1)
            calls.update(repeating: 0, count: count + 1)
            let strangers = Atomic<Int>(0)
            pool.run(count: count) { index, worker in
                calls[index] += 1
                if worker < 0 || worker >= threads { strangers.add(1, ordering: .relaxed) }
            }
            #expect((0..<count).allSatisfy { calls[$0] == 1 })
            #expect(strangers.load(ordering: .relaxed) == 0)
            calls.deallocate()
        }
    }

    /// What one job wrote, the next one reads, whichever thread either ran on.
    @Test func jobsFollowOneAnother() throws {
        let pool = try ThreadPool(threads: 3)
        let cells = UnsafeMutablePointer<Int>.allocate(capacity: 64)
        defer { cells.deallocate() }
        cells.update(repeating: 0, count: 64)
        for _ in 0..<3_000 {
            pool.run(count: 64) { index, _ in cells[index] += 1 }
        }
        #expect((0..<64).allSatisfy { cells[$0] == 3_000 })
    }

    /// The body's state is seen by all, and each thread's share of indices is its own while nobody is held up.
    @Test func statesReachEveryThread() throws {
        let pool = try ThreadPool(threads: 3)
        let cells = UnsafeMutableBufferPointer<Int>.allocate(capacity: 50)
        defer { cells.deallocate() }
        cells.initialize(repeating: 0)
        for round in 1...500 {
            pool.run(count: 50, with: (cells, round)) { state, index, _ in state.0[index] += state.1 }
        }
        #expect(cells.allSatisfy { $0 == 500 * 501 / 2 })
    }

    /// Workers that sleep are woken; an idle pool uses no processor time.
    @Test func sleepsWhenIdle() throws {
        let pool = try ThreadPool(threads: 4)
        let sum = Atomic<Int>(0)
        for _ in 0..<5 {
            pool.run(count: 100) { index, _ in sum.add(index, ordering: .relaxed) }
            usleep(20_000)
        }
        #expect(sum.load(ordering: .relaxed) == 5 * 4_950)
        let deadline = monotonicMilliseconds() + 2_000
        while !pool.isAsleep, monotonicMilliseconds() < deadline { usleep(1_000) }
        #expect(pool.isAsleep)
    }

    @Test func poolsComeAndGo() throws {
        for threads in [2, 4, 3] {
            for _ in 0..<10 {
                let pool = try ThreadPool(threads: threads, cores: [0])
                let count = Atomic<Int>(0)
                pool.run(count: 10) { _, _ in count.add(1, ordering: .relaxed) }
                #expect(count.load(ordering: .relaxed) == 10)
            }
        }
    }

    private func monotonicMilliseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
    }
}
