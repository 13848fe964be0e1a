/// Cores and the memory nodes that they are near to.
struct ProcessorTopology {
    struct Core: Hashable {
        /// The first of the core's processors that may be used.
        var processor: Int
        var node: Int
    }

    /// Node by node, the node with most usable cores first.
    let cores: [Core]
    let nodeCount: Int

    /// - Parameter processors: Those that the process may use. They are threads of a core; those that share one core
    ///   count once.
    init(_ processors: [Int], files: SystemFiles) {
        var nodes: [Int: Int] = [:]
        for node in files.word("/sys/devices/system/node/online").flatMap({ [Int](processorList: $0) }) ?? [] {
            let list = files.word("/sys/devices/system/node/node\(node)/cpulist") ?? ""
            for processor in [Int](processorList: list) ?? [] { nodes[processor] = node }
        }
        var firsts: [Int: Core] = [:]
        for processor in processors.sorted() {
            let topology = "/sys/devices/system/cpu/cpu\(processor)/topology"
            let siblings =
                files.word("\(topology)/core_cpus_list") ?? files.word("\(topology)/thread_siblings_list")
            let core = siblings.flatMap { [Int](processorList: $0)?.first } ?? processor
            if firsts[core] == nil { firsts[core] = Core(processor: processor, node: nodes[processor] ?? 0) }
        }
        let byNode = [Int: [Core]](grouping: firsts.values) { $0.node }
        let order = byNode.keys.sorted {
            let (left, right) = (byNode[$0]?.count ?? 0, byNode[$1]?.count ?? 0)
            return left == right ? $0 < $1 : left > right
        }
        cores = order.flatMap { (byNode[$0] ?? []).sorted { $0.processor < $1.processor } }
        nodeCount = order.count
    }
}
