import NIOPosix
import Synchronization

/// Threads for parsing and tokenising, so that event loops and the cooperative pool never stand still.
///
/// Three lanes: what is large waits for other large things only, and so do grammars that were never seen.
final class WorkPool: Sendable {
    private let small = NIOThreadPool(numberOfThreads: 1)
    private let large = NIOThreadPool(numberOfThreads: 1)
    private let grammars = NIOThreadPool(numberOfThreads: 1)
    private let waiting = Mutex(0)

    /// Bytes of input from which on work is large: about a millisecond of tokenising.
    static let largeSize = 16 << 10
    /// Pieces of work that wait or run at one time.
    private static let limit = 4_096

    /// Pieces of work that wait or run.
    var depth: Int { waiting.withLock { $0 } }

    /// Starts the threads; `shutDown` ends them.
    func start() {
        small.start()
        large.start()
        grammars.start()
    }

    /// Runs `work`, whose cost goes with `size` bytes, on a lane.
    func run<Value: Sendable>(
        size: Int, _ work: @escaping @Sendable () throws(FrontError) -> Value
    ) async throws(FrontError) -> Value {
        try await run(on: size < Self.largeSize ? small : large, work)
    }

    /// Runs `work`, whose cost no size tells.
    func runGrammar(_ work: @escaping @Sendable () throws(FrontError) -> Void) async throws(FrontError) {
        try await run(on: grammars, work)
    }

    private func run<Value: Sendable>(
        on lane: NIOThreadPool, _ work: @escaping @Sendable () throws(FrontError) -> Value
    ) async throws(FrontError) -> Value {
        let isTaken = waiting.withLock { waiting in
            guard waiting < Self.limit else { return false }
            waiting += 1
            return true
        }
        guard isTaken else { throw .unavailable("The server is overloaded; try again later.") }
        defer { waiting.withLock { $0 -= 1 } }
        do {
            return try await lane.runIfActive { () -> Result<Value, FrontError> in
                do throws(FrontError) { return .success(try work()) } catch { return .failure(error) }
            }.get()
        } catch let error as FrontError {
            throw error
        } catch {
            // The pool is closed, or the task was cancelled before its turn.
            throw .clientGone
        }
    }

    func shutDown() async {
        try? await small.shutdownGracefully()
        try? await large.shutdownGracefully()
        try? await grammars.shutdownGracefully()
    }
}
