/// Sets of nodes that can all reach one another (Tarjan, "Depth-first search and linear graph algorithms", 1972),
/// without recursion.
enum StrongComponents {
    /// Those that `roots` reach; a component comes after all that it leads to.
    static func find(from roots: [Int], neighbours: (Int) -> [Int]) -> [[Int]] {
        var components: [[Int]] = []
        var index: [Int: Int] = [:]
        var low: [Int: Int] = [:]
        var open: [Int] = []
        var isOpen: Set<Int> = []
        var path: [(node: Int, neighbours: [Int], next: Int)] = []

        func enter(_ node: Int) {
            index[node] = index.count
            low[node] = index[node]
            open.append(node)
            isOpen.insert(node)
            path.append((node, neighbours(node), 0))
        }

        for root in roots where index[root] == nil {
            enter(root)
            while let (node, targets, next) = path.last {
                if next < targets.count {
                    path[path.count - 1].next += 1
                    let target = targets[next]
                    if index[target] == nil {
                        enter(target)
                    } else if isOpen.contains(target) {
                        low[node] = min(low[node, default: 0], index[target, default: 0])
                    }
                    continue
                }
                path.removeLast()
                if let parent = path.last?.node { low[parent] = min(low[parent, default: 0], low[node, default: 0]) }
                guard low[node] == index[node] else { continue }
                var component: [Int] = []
                while let member = open.popLast() {
                    isOpen.remove(member)
                    component.append(member)
                    if member == node { break }
                }
                components.append(component)
            }
        }
        return components
    }
}
