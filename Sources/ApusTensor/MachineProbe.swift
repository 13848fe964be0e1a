import CKernels
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What this machine can do at most, measured: bytes read and operations a second, and the time of a barrier.
package struct MachineLimits: Sendable, Hashable {
    /// What multiplies, on random numbers in registers.
    package enum Number: String, Sendable, Hashable, CaseIterable {
        case float32, bfloat16, int8
    }

    package struct Peak: Sendable, Hashable {
        /// Instruction set, as kernels are called.
        package var set: String
        package var number: Number
        /// Operations a second (a multiply-add counts two) of one thread, and of all together.
        package var one: Double
        package var all: Double
    }

    package var threads: Int
    /// Bytes a second read from memory by so many threads, ascending.
    package var bandwidths: [(threads: Int, bytesPerSecond: Double)]
    package var peaks: [Peak]
    /// Seconds of a job without work on all threads.
    package var barrier: Double

    package init(
        threads: Int, bandwidths: [(threads: Int, bytesPerSecond: Double)], peaks: [Peak], barrier: Double
    ) {
        self.threads = threads
        self.bandwidths = bandwidths
        self.peaks = peaks
        self.barrier = barrier
    }

    /// With all threads, or with the number of them that reads fastest.
    package var bandwidth: Double { bandwidths.map(\.bytesPerSecond).max() ?? 0 }

    /// The fastest way to multiply such numbers on all threads. Where no instruction knows them, they are widened to
    /// float32.
    package func peak(_ number: Number) -> Double {
        let found = peaks.filter { $0.number == number }.map(\.all).max()
        return found ?? peaks.filter { $0.number == .float32 }.map(\.all).max() ?? 0
    }

    package static func == (a: MachineLimits, b: MachineLimits) -> Bool {
        a.threads == b.threads && a.peaks == b.peaks && a.barrier == b.barrier
            && a.bandwidths.elementsEqual(b.bandwidths, by: ==)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(peaks)
        hasher.combine(barrier)
    }
}

/// Threads that have come to a barrier.
private final class Arrivals: Sendable {
    let count = Atomic<Int>(0)
}

/// Measures `MachineLimits`: the best of several short runs, since what disturbs a run only makes it slower.
package final class MachineProbe {
    private let pools: [ThreadPool]
    private let memory: AlignedBuffer
    private let random: AlignedBuffer
    /// Seconds for each figure.
    private let patience: Double

    /// - Parameters:
    ///   - threads: Most threads to measure with.
    ///   - cores: As for `ThreadPool`.
    ///   - memoryByteCount: What is read; many times the last cache.
    ///   - seconds: For everything, roughly.
    /// - Throws: `TensorError`.
    package init(
        threads: Int, cores: [Int] = [], memoryByteCount: Int = 512 << 20, seconds: Double = 8
    ) throws(TensorError) {
        var counts: [Int] = []
        var count = 1
        while count < threads {
            counts.append(count)
            count *= 2
        }
        var pools: [ThreadPool] = []
        for count in counts + [threads] { pools.append(try ThreadPool(threads: count, cores: cores)) }
        self.pools = pools
        memory = try AlignedBuffer(byteCount: memoryByteCount / 4096 * 4096)
        random = try AlignedBuffer(byteCount: 4096)
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        for index in 0..<512 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            random.base.storeBytes(of: state ^ state >> 29, toByteOffset: index * 8, as: UInt64.self)
        }
        patience = seconds / Double(pools.count + 2 * Self.probes.count + 1)
    }

    package func measure() -> MachineLimits {
        let last = pools[pools.count - 1]
        // Pages belong to the threads that will read them.
        share(last) { $0.initializeMemory(as: UInt8.self, repeating: 1, count: $1) }
        return MachineLimits(
            threads: last.threadCount,
            bandwidths: pools.map { ($0.threadCount, bandwidth($0)) },
            peaks: Self.probes.map { probe in
                MachineLimits.Peak(
                    set: String(cString: probe.set), number: Self.number(probe.number),
                    one: rate(probe, pools[0]), all: rate(probe, last))
            },
            barrier: barrier(last))
    }

    private static var probes: [apus_probe] {
        [apus_probe](unsafeUninitializedCapacity: 8) { $1 = apus_probes($0.baseAddress) }
    }

    private static func number(_ number: apus_probe_number) -> MachineLimits.Number {
        switch number {
        case APUS_PROBE_BFLOAT16: .bfloat16
        case APUS_PROBE_INT8: .int8
        default: .float32
        }
    }

    /// Hands each thread an equal part of the memory.
    private func share(_ pool: ThreadPool, _ body: (UnsafeMutableRawPointer, Int) -> Void) {
        let part = memory.byteCount / pool.threadCount / 4096 * 4096
        pool.run(count: pool.threadCount) { index, _ in body(memory.base + index * part, part) }
    }

    private func bandwidth(_ pool: ThreadPool) -> Double {
        let bytes = memory.byteCount / pool.threadCount / 4096 * 4096 * pool.threadCount
        return best { share(pool) { _ = apus_probe_read($0, $1) } } * Double(bytes)
    }

    private func rate(_ probe: apus_probe, _ pool: ThreadPool) -> Double {
        let rounds = 20_000
        let operations = (probe.work(random.base, rounds)) * Double(pool.threadCount)
        return operations * best { pool.run(count: pool.threadCount) { _, _ in _ = probe.work(random.base, rounds) } }
    }

    private func barrier(_ pool: ThreadPool) -> Double {
        // Every thread waits for the others: none can do another's share, as it may in jobs that have no such need.
        let jobs = 200, count = pool.threadCount
        let arrivals = Arrivals()
        let rate = best {
            for _ in 0..<jobs {
                arrivals.count.store(0, ordering: .releasing)
                pool.run(count: count, with: (arrivals, count)) { state, _, _ in
                    state.0.count.add(1, ordering: .acquiringAndReleasing)
                    while state.0.count.load(ordering: .acquiring) < state.1 { apus_spin_hint() }
                }
            }
        }
        return 1 / rate / Double(jobs)
    }

    /// Runs a second, of the fastest run that `patience` allows to see.
    private func best(_ body: () -> Void) -> Double {
        body()
        let end = Self.now() + patience
        var shortest = Double.infinity
        repeat {
            let start = Self.now()
            body()
            shortest = min(shortest, Self.now() - start)
        } while Self.now() < end
        return 1 / max(shortest, 1e-9)
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
