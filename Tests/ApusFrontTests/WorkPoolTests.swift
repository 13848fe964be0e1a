import Synchronization
import Testing

@testable import ApusFront

@Suite struct WorkPoolTests {
    @Test func smallWorkDoesNotWaitForLargeWork() async throws {
        let pool = WorkPool()
        pool.start()
        let seen = Seen()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await pool.run(size: WorkPool.largeSize) { () throws(FrontError) in
                    while !seen.isOpen {}
                    seen.note("large")
                }
            }
            for _ in 0..<10 {
                try await pool.run(size: 10) { () throws(FrontError) in seen.note("small") }
            }
            seen.open()
            try await group.waitForAll()
        }
        #expect(seen.order == Array(repeating: "small", count: 10) + ["large"])
        await pool.shutDown()
    }

    @Test func refusalsComeThrough() async throws {
        let pool = WorkPool()
        pool.start()
        await #expect(throws: FrontError.refused("no")) {
            try await pool.run(size: 0) { () throws(FrontError) -> Int in throw .refused("no") }
        }
        #expect(try await pool.run(size: 0) { 7 } == 7)
        await pool.shutDown()
    }
}

/// What happened, in order, and whether the large work may end.
private final class Seen: Sendable {
    private let state = Mutex<(order: [String], isOpen: Bool)>(([], false))

    var order: [String] { state.withLock { $0.order } }
    var isOpen: Bool { state.withLock { $0.isOpen } }

    func note(_ name: String) { state.withLock { $0.order.append(name) } }
    func open() { state.withLock { $0.isOpen = true } }
}
