import CKernels
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Threads that share the loops of one caller.
///
/// The caller is one of the threads. Each thread has its own share of a job's indices, the same share of every job of
/// that size, so that memory which a thread touched first stays its own; whoever is done takes over what others have
/// not begun, so that a thread which the operating system holds up delays a job by one index at most. Workers spin for
/// some tens of microseconds after a job, because the next one usually follows at once, then sleep: an idle pool uses no
/// processor time. A job allocates no memory.
///
/// `@unchecked Sendable`: a job's fields are written while no index can be drawn and read by those that have drawn one;
/// all else is atomic or guarded by `mutex`. One caller at a time is checked in `run`.
package final class ThreadPool: @unchecked Sendable {
    /// Threads that work on a job, the caller included.
    package let threadCount: Int

    /// What is left of each thread's share.
    private let shares: ThreadShares
    private let job = UnsafeMutablePointer<ThreadJob>.allocate(capacity: 1)
    /// Counts jobs: what idle workers watch.
    private let generation = Atomic<UInt64>(0)
    private let finished = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private let stopping = Atomic<Bool>(false)
    private let busy = Atomic<Bool>(false)

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var threads: [pthread_t] = []

    /// - Parameters:
    ///   - threads: threads of a job, the caller included; at least 1.
    ///   - cores: core numbers to pin the workers to, in turn (the first is the caller's and is left to it).
    /// - Throws: `TensorError.threadCreation`.
    package init(threads threadCount: Int, cores: [Int] = []) throws(TensorError) {
        precondition(threadCount >= 1)
        self.threadCount = threadCount
        shares = ThreadShares(count: threadCount)
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
        job.deallocate()
    }

    /// Calls `body(state, index, worker)` once for each index below `count`, and returns when all calls have returned.
    ///
    /// `worker` tells the threads of the pool apart (0 is the caller): it picks scratch memory, never results. A body
    /// that captures nothing and finds all it needs in `state` costs no allocation: this is the way of every step.
    package func run<State>(
        count total: Int, with state: State, _ body: @escaping (_ state: State, _ index: Int, _ worker: Int) -> Void
    ) {
        if threadCount == 1 || total <= 1 {
            for index in 0..<max(total, 0) { body(state, index, 0) }
            return
        }
        precondition(!busy.exchange(true, ordering: .acquiring), "a thread pool serves one caller at a time")
        withUnsafePointer(to: ThreadFrame(state: state, body: body)) { frame in
            open(total, ThreadJob(frame: UnsafeRawPointer(frame), type: ThreadFrame<State>.self))
            work(as: 0)
            var spins = 0
            while finished.load(ordering: .acquiring) < total {
                Self.pause(&spins)
            }
        }
        busy.store(false, ordering: .releasing)
    }

    /// The same with a closure that captures what it needs, which costs an allocation.
    package func run(count total: Int, _ body: (_ index: Int, _ worker: Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            run(count: total, with: ThreadBody(call: body)) { state, index, worker in state.call(index, worker) }
        }
    }

    /// Whether all workers sleep: the pool uses no processor time then.
    package var isAsleep: Bool {
        sleepers.load(ordering: .acquiring) == threadCount - 1
    }

    // MARK: Jobs

    private func open(_ total: Int, _ job: ThreadJob) {
        // No index can be drawn here: all of the last job's were, and their calls have returned.
        self.job.initialize(to: job)
        finished.store(0, ordering: .relaxed)
        shares.deal(total)
        generation.add(1, ordering: .sequentiallyConsistent)
        if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
            pthread_mutex_lock(mutex)
            pthread_cond_broadcast(wake)
            pthread_mutex_unlock(mutex)
        }
    }

    /// Works until there is no index to draw: its own share first, then those of its neighbours.
    private func work(as worker: Int) {
        for step in 0..<threadCount {
            let owner = (worker + step) % threadCount
            var done = 0
            while let index = shares.draw(owner) {
                // The index is ours, so the caller waits and its job stands.
                let job = job.pointee
                job.type.call(job.frame, index, worker)
                done += 1
            }
            if done > 0 { finished.add(done, ordering: .acquiringAndReleasing) }
        }
    }

    // MARK: Workers

    private func serve(as worker: Int) {
        var seen: UInt64 = 0
        var spins = 0
        while !stopping.load(ordering: .acquiring) {
            let now = generation.load(ordering: .acquiring)
            if now != seen {
                seen = now
                work(as: worker)
                spins = 0
            } else if spins < Self.spinLimit {
                Self.pause(&spins)
            } else {
                sleep(seen)
                spins = 0
            }
        }
    }

    private func sleep(_ seen: UInt64) {
        pthread_mutex_lock(mutex)
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while generation.load(ordering: .sequentiallyConsistent) == seen && !stopping.load(ordering: .acquiring) {
            pthread_cond_wait(wake, mutex)
        }
        sleepers.subtract(1, ordering: .sequentiallyConsistent)
        pthread_mutex_unlock(mutex)
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
