import Synchronization
import Testing

@testable import ApusFront

@Suite struct WorkPoolTests {
    @Test func smallWorkDoesNotWaitForLargeWork() async throws {
        let pool = WorkPool()
        let gate = Mutex(false)
        let order = Mutex<[String]>([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await pool.run(size: WorkPool.largeSize) { () throws(FrontError) in
                    while !gate.withLock({ $0 }) {}
                    order.withLock { $0.append("large") }
                }
            }
            for _ in 0..<10 {
                try await pool.run(size: 10) { () throws(FrontError) in order.withLock { $0.append("small") } }
            }
            gate.withLock { $0 = true }
            try await group.waitForAll()
        }
        #expect(order.withLock { $0 } == Array(repeating: "small", count: 10) + ["large"])
        await pool.shutDown()
    }

    @Test func refusalsComeThrough() async throws {
        let pool = WorkPool()
        await #expect(throws: FrontError.refused("no")) {
            try await pool.run(size: 0) { () throws(FrontError) -> Int in throw .refused("no") }
        }
        #expect(try await pool.run(size: 0) { 7 } == 7)
        await pool.shutDown()
    }
}
