import Dispatch
import Testing

/// All tests that start processes: one after another, since each wants the machine for itself, and beside the pool of
/// threads that asynchronous tests run on, since they block.
@Suite(.serialized, .blocking)
enum EndToEnd {}

/// Runs a suite with all that is in it on a thread where blocking hinders nobody: child tasks stay there too.
struct BlockingTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(QueueExecutor.shared) { try await function() }
    }
}

extension Trait where Self == BlockingTrait {
    static var blocking: BlockingTrait { BlockingTrait() }
}

private final class QueueExecutor: TaskExecutor {
    static let shared = QueueExecutor()
    private let queue = DispatchQueue(label: "end-to-end")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
