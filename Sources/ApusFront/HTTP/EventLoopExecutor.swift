import NIOCore

/// Runs a task on the event loop of its connection.
///
/// A stream that is woken for each token does little: it makes a frame and writes it. On the shared executor that costs two
/// changes of thread a token (to the task, and from it to the loop), which cost more than the work itself.
final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
