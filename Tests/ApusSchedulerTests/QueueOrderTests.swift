import Testing

@testable import ApusScheduler

@Suite struct QueueOrderTests {
    private let none = PrefixNamespace(name: "", generation: 0)

    /// A tree in which these sequences are cached.
    private func tree(_ sequences: [[Int32]]) -> RadixTree {
        final class Holder { var lease = PrefixLease() }
        let tree = RadixTree(pageSize: 1)
        var page: Int32 = 0
        for tokens in sequences {
            let holder = Holder()
            tree.open(&holder.lease, tokens, limit: tokens.count, in: none)
            let pages = (holder.lease.length..<tokens.count).map { _ in
                page += 1
                return page
            }
            _ = tree.extend(&holder.lease, tokens, to: tokens.count, pages: pages)
            tree.close(&holder.lease)
        }
        return tree
    }

    private func arrivals(
        _ policy: SchedulePolicy, _ requests: [Request], tree: RadixTree? = nil,
        _ change: (inout SchedulerConfiguration) -> Void = { _ in }
    ) -> [UInt64] {
        var order = QueueOrder(
            configuration {
                $0.policy = policy
                change(&$0)
            })
        return order.sorted(requests, tree: tree ?? self.tree([])).map(\.arrival)
    }

    @Test func firstComeFirstServed() {
        #expect(arrivals(.fcfs, (1...5).map { request($0, limit: Int($0)) }) == [1, 2, 3, 4, 5])
    }

    @Test func longestOutputFirstAndTiesByArrival() {
        let requests = [request(1, limit: 5), request(2, limit: 9), request(3, limit: 5), request(4, limit: 9)]
        #expect(arrivals(.lof, requests) == [2, 4, 1, 3])
    }

    @Test func longestCachedPrefixFirst() {
        let requests = [
            request(1, prompt: [9, 9, 9]), request(2, prompt: [1, 2, 3, 4]), request(3, prompt: [1, 9]),
            request(4, prompt: [1, 2, 9, 9]), request(5, prompt: [8]),
        ]
        #expect(arrivals(.lpm, requests, tree: tree([[1, 2, 3, 4, 5]])) == [2, 4, 3, 1, 5])
    }

    @Test func ofEqualBeginningsTheFirstGoesAhead() {
        let beginning = [Int32](repeating: 3, count: 32)
        let requests = [
            request(1, prompt: beginning + [1]), request(2, prompt: beginning + [2]), request(3, prompt: [4, 5]),
            request(4, prompt: beginning + [3], namespace: "other"), request(5, prompt: beginning.dropLast() + [9]),
        ]
        #expect(arrivals(.lpm, requests) == [1, 3, 4, 5, 2])
    }

    @Test func withTooManyWaitingPrefixesAreNotLookedUp() {
        let requests = (1...129).map { request($0, prompt: $0 == 100 ? [1, 2, 3] : [7]) }
        #expect(arrivals(.lpm, requests, tree: tree([[1, 2, 3]])) == Array(1...129))
        #expect(arrivals(.lpm, Array(requests[1...]), tree: tree([[1, 2, 3]])).first == 100)
    }

    @Test func withoutACachePrefixPoliciesAreByArrival() {
        let requests = [request(1, prompt: [7]), request(2, prompt: [1, 2, 3])]
        for policy in [SchedulePolicy.lpm, .dfsWeight] {
            #expect(arrivals(policy, requests, tree: tree([[1, 2, 3]])) { $0.disableRadixCache = true } == [1, 2])
        }
    }

    @Test func depthFirstGoesWhereMostWait() {
        // Below [1]: three wait; below [2]: two; within [1] the branch [1, 6] has two of the three.
        let cached = tree([[1, 5, 5], [1, 6, 6], [2, 7, 7]])
        let requests = [
            request(1, prompt: [2, 7, 7, 0]), request(2, prompt: [1, 5, 5, 0]), request(3, prompt: [1, 6, 6, 0]),
            request(4, prompt: [2, 7, 7, 1]), request(5, prompt: [1, 6, 6, 1]), request(6, prompt: [9, 9]),
            request(7, prompt: [1, 9]),
        ]
        #expect(arrivals(.dfsWeight, requests, tree: cached) == [3, 5, 2, 7, 1, 4, 6])
    }

    @Test func randomIsAPermutationThatTheSeedFixes() {
        let requests = (1...40).map { request($0) }
        let order = arrivals(.random, requests) { $0.randomSeed = 3 }
        #expect(order.sorted() == Array(1...40) && order != Array(1...40))
        #expect(order == arrivals(.random, requests) { $0.randomSeed = 3 })
        #expect(order != arrivals(.random, requests) { $0.randomSeed = 4 })
    }
}
