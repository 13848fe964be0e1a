import ApusCore
import ApusEngine
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Work that must not hold up the steps: on a thread for each job, which takes little from those that compute.
final class BackgroundThread: Sendable {
    /// Runs a job somewhere, and returns at once.
    typealias Start = @Sendable (_ job: @escaping @Sendable () -> Void) -> Void

    private let name: String
    /// Of the last job, which is joined before the next.
    private let last = Mutex<NamedThread?>(nil)

    /// `name`: at most 15 bytes.
    init(_ name: String) {
        self.name = name
    }

    /// The last job is over, or about to be.
    func start(_ job: @escaping @Sendable () -> Void) {
        last.withLock { thread in
            thread?.join()
            thread = NamedThread(name) {
                SideThread.leaveCore()
                Self.yieldToSteps()
                job()
            }
        }
    }

    /// On Linux a thread has a priority of its own. A tenth of a processor is left to it where steps take all.
    private static func yieldToSteps() {
        #if os(Linux)
            _ = nice(10)
        #endif
    }
}
