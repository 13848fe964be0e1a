/// The nodes that may be evicted now, least recently used first: a binary heap in which each node knows its place,
/// so that insertion, removal and change are O(log n).
struct EvictionHeap {
    private(set) var nodes: [RadixTree.Node] = []

    var first: RadixTree.Node? { nodes.first }

    mutating func insert(_ node: RadixTree.Node) {
        precondition(node.heapIndex < 0)
        node.heapIndex = nodes.count
        nodes.append(node)
        rise(from: node.heapIndex)
    }

    mutating func remove(_ node: RadixTree.Node) {
        let hole = node.heapIndex
        precondition(hole >= 0 && nodes[hole] === node)
        node.heapIndex = -1
        let last = nodes.removeLast()
        guard last !== node else { return }
        nodes[hole] = last
        last.heapIndex = hole
        rise(from: hole)
        sink(from: last.heapIndex)
    }

    mutating func removeAll() {
        for node in nodes { node.heapIndex = -1 }
        nodes.removeAll()
    }

    private mutating func rise(from start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard nodes[index].lastUse < nodes[parent].lastUse else { return }
            exchange(index, parent)
            index = parent
        }
    }

    private mutating func sink(from start: Int) {
        var index = start
        while true {
            var least = index
            let left = 2 * index + 1
            let right = left + 1
            if left < nodes.count && nodes[left].lastUse < nodes[least].lastUse { least = left }
            if right < nodes.count && nodes[right].lastUse < nodes[least].lastUse { least = right }
            guard least != index else { return }
            exchange(index, least)
            index = least
        }
    }

    private mutating func exchange(_ a: Int, _ b: Int) {
        nodes.swapAt(a, b)
        nodes[a].heapIndex = a
        nodes[b].heapIndex = b
    }
}
