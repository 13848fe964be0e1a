import NIOCore
import Synchronization

/// Runs tasks on the event loop of their connections.
///
/// A stream that is woken for each token does little: it makes a frame and writes it. On the shared executor that costs two
/// changes of thread a token (to the task, and from it to the loop), which cost more than the work itself. All streams of a
/// loop share one executor, so that those woken together cost the loop one wake-up.
final class EventLoopExecutor: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        /// The loop knows that there are jobs.
        var isScheduled = false
        /// How many hold jobs back.
        var holders = 0
    }

    private let loop: any EventLoop
    private let state = Mutex(State())

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        change { $0.jobs.append(job) }
    }

    /// Jobs wait until `release`.
    func hold() { change { $0.holders += 1 } }

    func release() { change { $0.holders -= 1 } }

    private func change(_ body: (inout State) -> Void) {
        let isNews = state.withLock { state in
            body(&state)
            guard state.holders == 0, !state.isScheduled, !state.jobs.isEmpty else { return false }
            state.isScheduled = true
            return true
        }
        if isNews { loop.execute { self.run() } }
    }

    /// On the loop: what is there now. Jobs that come of these have their turn after whatever else the loop has to do.
    private func run() {
        let jobs = state.withLock { state in
            defer { state.jobs = [] }
            state.isScheduled = false
            return state.jobs
        }
        for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
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
