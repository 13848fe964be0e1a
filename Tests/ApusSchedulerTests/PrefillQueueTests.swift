import ApusTestSupport
import Testing

@testable import ApusScheduler

@Suite struct PrefillQueueTests {
    @Test(arguments: [UInt64(1), 2, 3])
    func anyMixKeepsTheOrderOfArrival(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var queue = PrefillQueue()
        var waiting: [Request] = []
        var away: [Request] = []
        var arrivals: UInt64 = 0
        for _ in 0..<3000 {
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                arrivals += 1
                let made = request(arrivals)
                queue.insert(made)
                waiting.append(made)
            case 2:
                guard let back = away.randomElement(using: &random) else { continue }
                away.removeAll { $0 === back }
                queue.insert(back)
                waiting.insert(back, at: waiting.firstIndex { $0.arrival > back.arrival } ?? waiting.count)
            case 3 where !waiting.isEmpty:
                away.append(waiting.removeFirst())
                queue.remove(away[away.count - 1])
            default:
                guard !waiting.isEmpty else { continue }
                away.append(waiting.remove(at: Int.random(in: 0..<waiting.count, using: &random)))
                queue.remove(away[away.count - 1])
            }
            #expect(queue.next(after: nil) === waiting.first && queue.count == waiting.count)
            let place = UInt64.random(in: 0...arrivals, using: &random)
            #expect(queue.next(after: place) === waiting.first { $0.arrival > place })
        }
        #expect(queue.requests.map(\.arrival) == waiting.map(\.arrival))
    }
}
