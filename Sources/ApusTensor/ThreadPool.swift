import CKernels
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Threads that share the loops of one caller.
///
/// The caller is one of the threads. Workers spin for some tens of microseconds after a job, because the next
/// one usually follows at once, then sleep: an idle pool uses no processor time. Indices are handed out one by one, so a
/// thread that the operating system holds up delays a job by one index at most.
///
/// `@unchecked Sendable`: all mutable state is atomic or guarded by `mutex`; one caller at a time is checked in `run`.
package final class ThreadPool: @unchecked Sendable {
    /// Threads that work on a job, the caller included.
    package let threadCount: Int

    /// Job number in the upper half, next index in the lower half. A closed ticket has no index to give.
    private let ticket = Atomic<UInt64>(ThreadPool.closed)
    private let count = Atomic<Int>(0)
    private let body = Atomic<UInt>(0)
    private let finished = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private let stopping = Atomic<Bool>(false)
    private let busy = Atomic<Bool>(false)

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var threads: [pthread_t] = []

    private static let closed: UInt64 = 0xffff_ffff
    /// A job's closure in a type of its own: bare function types change their calling convention in memory.
    private struct Body {
        let call: (Int, Int) -> Void
    }

    /// - Parameters:
    ///   - threads: threads of a job, the caller included; at least 1.
    ///   - cores: core numbers to pin the workers to, in turn (the first is the caller's and is left to it).
    /// - Throws: `TensorError.threadCreation`.
    package init(threads threadCount: Int, cores: [Int] = []) throws(TensorError) {
        precondition(threadCount >= 1)
        self.threadCount = threadCount
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(wake, nil)
        for worker in 1..<max(threadCount, 1) {
            let core = cores.isEmpty ? nil : cores[worker % cores.count]
            let code = start(worker: worker, core: core)
            if code != 0 {
                stop()
                throw .threadCreation(code: code)
            }
        }
    }

    deinit {
        stop()
        pthread_cond_destroy(wake)
        pthread_mutex_destroy(mutex)
        wake.deallocate()
        mutex.deallocate()
    }

    /// Calls `body(index, worker)` once for each index below `count`, and returns when all calls have returned.
    ///
    /// `worker` tells the threads of the pool apart (0 is the caller): it picks scratch memory, never results.
    package func run(count total: Int, _ body: (_ index: Int, _ worker: Int) -> Void) {
        if threadCount == 1 || total <= 1 {
            for index in 0..<max(total, 0) { body(index, 0) }
            return
        }
        precondition(!busy.exchange(true, ordering: .acquiring), "a thread pool serves one caller at a time")
        withoutActuallyEscaping(body) { escapable in
            withUnsafePointer(to: Body(call: escapable)) { pointer in
                open(count: total, body: UInt(bitPattern: pointer))
                while work(as: 0) {}
                var spins = 0
                while finished.load(ordering: .acquiring) < total {
                    Self.pause(&spins)
                }
            }
        }
        busy.store(false, ordering: .releasing)
    }

    /// Whether all workers sleep: the pool uses no processor time then.
    package var isAsleep: Bool {
        sleepers.load(ordering: .acquiring) == threadCount - 1
    }

    // MARK: Jobs

    private func open(count total: Int, body pointer: UInt) {
        // Close the ticket before the job's values change: a thread that still holds the old one then fails to draw.
        let job = (ticket.load(ordering: .relaxed) >> 32) &+ 1
        ticket.store(job << 32 | Self.closed, ordering: .sequentiallyConsistent)
        count.store(total, ordering: .releasing)
        body.store(pointer, ordering: .releasing)
        finished.store(0, ordering: .releasing)
        ticket.store(job << 32, ordering: .sequentiallyConsistent)
        if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
            pthread_mutex_lock(mutex)
            pthread_cond_broadcast(wake)
            pthread_mutex_unlock(mutex)
        }
    }

    /// Draws an index and works on it; false when there is none to draw.
    private func work(as worker: Int) -> Bool {
        let drawn = ticket.load(ordering: .acquiring)
        let index = Int(drawn & Self.closed)
        guard index < count.load(ordering: .acquiring) else { return false }
        let pointer = body.load(ordering: .acquiring)
        let exchange = ticket.compareExchange(
            expected: drawn, desired: drawn + 1, ordering: .sequentiallyConsistent)
        // Another thread was quicker: there may be more to draw.
        guard exchange.exchanged else { return true }
        // An index of this job is ours, so the caller is still waiting and its closure alive.
        Self.call(pointer, index, worker)
        finished.add(1, ordering: .acquiringAndReleasing)
        return true
    }

    /// A function of its own, never inlined: what it retains is released before the index counts as finished. The
    /// caller's closure must have no other holder when `withoutActuallyEscaping` ends.
    @inline(never)
    private static func call(_ pointer: UInt, _ index: Int, _ worker: Int) {
        UnsafePointer<Body>(bitPattern: pointer).unsafelyUnwrapped.pointee.call(index, worker)
    }

    // MARK: Workers

    private func serve(as worker: Int) {
        var spins = 0
        while !stopping.load(ordering: .acquiring) {
            if work(as: worker) {
                spins = 0
            } else if spins < Self.spinLimit {
                Self.pause(&spins)
            } else {
                sleep()
                spins = 0
            }
        }
    }

    private func sleep() {
        pthread_mutex_lock(mutex)
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while !hasWork && !stopping.load(ordering: .acquiring) {
            pthread_cond_wait(wake, mutex)
        }
        sleepers.subtract(1, ordering: .sequentiallyConsistent)
        pthread_mutex_unlock(mutex)
    }

    private var hasWork: Bool {
        let drawn = ticket.load(ordering: .sequentiallyConsistent)
        return Int(drawn & Self.closed) < count.load(ordering: .acquiring)
    }

    /// Spins before a worker sleeps: about 50 microseconds.
    private static let spinLimit = 2_000

    /// One turn of a spinning loop; now and then it offers the core to others, who may hold what we wait for.
    private static func pause(_ spins: inout Int) {
        spins += 1
        if spins > 200, spins % 50 == 0 {
            sched_yield()
        } else {
            apus_spin_hint()
        }
    }

    private func start(worker: Int, core: Int?) -> Int32 {
        let launch = Unmanaged.passRetained(Launch(pool: self, worker: worker, core: core))
        #if canImport(Glibc)
            var thread = pthread_t()
            let code = pthread_create(&thread, nil, { Launch.enter($0) }, launch.toOpaque())
            if code == 0 { threads.append(thread) }
        #else
            var thread: pthread_t?
            let code = pthread_create(&thread, nil, { Launch.enter($0) }, launch.toOpaque())
            if code == 0, let thread { threads.append(thread) }
        #endif
        if code != 0 { launch.release() }
        return code
    }

    private func stop() {
        stopping.store(true, ordering: .releasing)
        pthread_mutex_lock(mutex)
        pthread_cond_broadcast(wake)
        pthread_mutex_unlock(mutex)
        for thread in threads { pthread_join(thread, nil) }
        threads = []
    }

    /// What a new thread needs to know. It holds the pool unowned: the pool joins its threads before it goes.
    private final class Launch {
        private unowned(unsafe) let pool: ThreadPool
        private let worker: Int
        private let core: Int?

        init(pool: ThreadPool, worker: Int, core: Int?) {
            self.pool = pool
            self.worker = worker
            self.core = core
        }

        static func enter(_ raw: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
            guard let raw else { return nil }
            let launch = Unmanaged<Launch>.fromOpaque(raw).takeRetainedValue()
            ThreadIdentity.name("apus-worker-\(launch.worker)")
            if let core = launch.core { ThreadIdentity.pin(to: core) }
            launch.pool.serve(as: launch.worker)
            return nil
        }
    }
}
