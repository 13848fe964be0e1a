import ApusCore

/// Orders of the waiting queue. Sorts are stable, so that ties go by arrival.
struct QueueOrder {
    /// With more requests than this, looking up each prefix is not worth it: first come, first served.
    static let prefixLookupLimit = 128

    let configuration: SchedulerConfiguration
    private var random: SplitMix64

    init(_ configuration: SchedulerConfiguration) {
        self.configuration = configuration
        random = SplitMix64(seed: configuration.randomSeed)
    }

    /// Whether the order is that of arrival, so that the queue can be walked as it stands.
    func isArrival(waiting: Int) -> Bool {
        switch configuration.policy {
        case .fcfs: true
        case .lpm, .dfsWeight: configuration.disableRadixCache || waiting > Self.prefixLookupLimit
        case .lof, .random: false
        }
    }

    /// `requests` come in order of arrival.
    mutating func sorted(_ requests: [Request], tree: RadixTree) -> [Request] {
        if isArrival(waiting: requests.count) { return requests }
        switch configuration.policy {
        case .fcfs: return requests
        case .lpm: return longestPrefixFirst(requests, tree)
        case .dfsWeight: return depthFirst(requests, tree)
        case .lof: return stable(requests) { $0.maxNewTokens > $1.maxNewTokens }
        case .random: return requests.shuffled(using: &random)
        }
    }

    // MARK: - lpm

    /// Longest cached prefix first. Of requests that share a beginning which is not cached yet, only the first goes
    /// ahead: the others move to the back, so that they find it in the cache.
    private func longestPrefixFirst(_ requests: [Request], _ tree: RadixTree) -> [Request] {
        let shared = configuration.inBatchDeprioritizeThreshold
        var beginnings: Set<Beginning> = []
        let ranked = requests.map { request in
            let cached = tree.match(request.tokens, limit: request.reuseLimit, in: request.namespace).length
            var isLater = false
            if cached <= configuration.inBatchCheckThreshold && request.tokens.count >= shared {
                let beginning = Beginning(namespace: request.namespace, tokens: request.tokens.prefix(shared))
                isLater = !beginnings.insert(beginning).inserted
            }
            return (request: request, cached: isLater ? -1 : cached)
        }
        return stable(ranked) { $0.cached > $1.cached }.map(\.request)
    }

    private struct Beginning: Hashable {
        var namespace: PrefixNamespace
        var tokens: ArraySlice<Int32>
    }

    // MARK: - dfs-weight

    /// Depth-first over the prefix tree, at each node the child below which most requests wait first, and the requests
    /// that end in a node after those below it.
    private func depthFirst(_ requests: [Request], _ tree: RadixTree) -> [Request] {
        var visits: [ObjectIdentifier: Visit] = [:]
        var roots: [RadixTree.Node] = []
        var unmatched: [Request] = []
        for request in requests {
            guard let end = tree.match(request.tokens, limit: request.reuseLimit, in: request.namespace).node else {
                unmatched.append(request)
                continue
            }
            visits[ObjectIdentifier(end), default: Visit()].requests.append(request)
            var node = end
            while true {
                let isNew = visits[ObjectIdentifier(node)]?.weight ?? 0 == 0
                visits[ObjectIdentifier(node), default: Visit()].weight += 1
                guard let parent = node.parent else {
                    if isNew { roots.append(node) }
                    break
                }
                if isNew { visits[ObjectIdentifier(parent), default: Visit()].children.append(node) }
                node = parent
            }
        }
        // An explicit stack: chunks and turns make paths that are too deep for recursion.
        var order: [Request] = []
        var stack: [(visit: Visit, isOpen: Bool)] = heaviestLast(roots, visits)
        while let (visit, isOpen) = stack.popLast() {
            if isOpen {
                order += visit.requests
            } else {
                stack.append((visit, true))
                stack += heaviestLast(visit.children, visits)
            }
        }
        return order + unmatched
    }

    /// A node on the way to a waiting request: how many wait at or below it, and who.
    private struct Visit {
        var weight = 0
        var requests: [Request] = []
        /// In the order in which requests first led there.
        var children: [RadixTree.Node] = []
    }

    private func heaviestLast(
        _ nodes: [RadixTree.Node], _ visits: [ObjectIdentifier: Visit]
    ) -> [(visit: Visit, isOpen: Bool)] {
        let found = nodes.compactMap { visits[ObjectIdentifier($0)] }
        return stable(found) { $0.weight > $1.weight }.reversed().map { ($0, false) }
    }

    // MARK: - Sorting

    /// The standard library's sort is stable but does not promise it.
    private func stable<Element>(_ elements: [Element], by precedes: (Element, Element) -> Bool) -> [Element] {
        elements.enumerated().sorted { a, b in
            precedes(a.element, b.element) || (!precedes(b.element, a.element) && a.offset < b.offset)
        }.map(\.element)
    }
}
