import NIOCore
import Synchronization

/// Runs tasks on the event loop of their connections.
///
/// A stream that is woken for each token does little: it makes a frame and writes it. On the shared executor that costs two
/// changes of thread a token (to the task, and from it to the loop), which cost more than the work itself. All streams of a
/// loop share one executor, so that those woken together cost the loop one wake-up.
final class EventLoopExecutor: TaskExecutor {
    private struct State {
        /// How many hold jobs back, and the jobs.
        var holders = 0
        var held: [UnownedJob] = []
    }

    private let loop: any EventLoop
    private let state = Mutex(State())

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    /// A job runs after what the loop was given before it: a stream's first frame is written below the handlers that its head
    /// may still be on the way to.
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isHeld = state.withLock { state in
            guard state.holders > 0 else { return false }
            state.held.append(job)
            return true
        }
        if !isHeld { loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) } }
    }

    /// Jobs wait until `release`, and run together then.
    func hold() { state.withLock { $0.holders += 1 } }

    func release() {
        let jobs = state.withLock { state -> [UnownedJob] in
            state.holders -= 1
            guard state.holders == 0 else { return [] }
            defer { state.held = [] }
            return state.held
        }
        guard !jobs.isEmpty else { return }
        loop.execute {
            for job in jobs { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }
}

/// The executors of a server, one an event loop.
final class EventLoopExecutors: Sendable {
    private let table = Mutex<[ObjectIdentifier: EventLoopExecutor]>([:])

    func executor(of loop: any EventLoop) -> EventLoopExecutor {
        table.withLock { table in
            if let known = table[ObjectIdentifier(loop)] { return known }
            let new = EventLoopExecutor(loop)
            table[ObjectIdentifier(loop)] = new
            return new
        }
    }

    /// Tasks that `body` wakes begin when it is over, one after the other.
    func together(_ body: () -> Void) {
        let executors = table.withLock { Array($0.values) }
        for executor in executors { executor.hold() }
        body()
        for executor in executors { executor.release() }
    }
}
