#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How many threads compute, and on which processors.
package struct ThreadPlan: Sendable, Hashable {
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        case invalidBinding(String)
        case bindingOutside(String, allowed: [Int])

        package var description: String {
            switch self {
            case .invalidBinding(let text):
                "SGLANG_CPU_OMP_THREADS_BIND is '\(text)', expected processor lists such as 0-15|16-31"
            case .bindingOutside(let text, let allowed):
                "SGLANG_CPU_OMP_THREADS_BIND is '\(text)', but this process may only use processors "
                    + allowed.map(String.init).joined(separator: ",")
            }
        }
    }

    package let threadCount: Int
    /// One processor a thread to be bound to, node by node; empty: not bound.
    package let processors: [Int]
    /// Memory nodes that the threads run on: with more than one, memory is placed by the threads that use it.
    package let nodeCount: Int

    /// From this many cores on, one is left to the front, the detokenizer and all else, and threads are bound. With
    /// fewer, a core is too much to give, and threads that may move evade whoever else runs: on two cores binding gained
    /// nothing, neither alone nor with 32 clients (Benchmarks/README.md).
    package static let largeMachine = 16

    /// - Parameters:
    ///   - threads: `--threads`; nil: one a physical core, cut to what the control groups allow.
    ///   - binding: `SGLANG_CPU_OMP_THREADS_BIND`, processor lists by rank, separated by `|`.
    ///   - rank: Which of the lists is ours.
    package init(
        threads: Int? = nil, binding: String? = nil, rank: Int = 0, files: SystemFiles = SystemFiles()
    ) throws(Failure) {
        let allowed = Self.allowedProcessors(files: files)
        if let binding, !binding.isEmpty {
            let lists = binding.split(separator: "|", omittingEmptySubsequences: false)
            guard lists.indices.contains(rank), let list = [Int](processorList: lists[rank]) else {
                throw .invalidBinding(binding)
            }
            guard Set(list).isSubset(of: allowed) else { throw .bindingOutside(binding, allowed: allowed) }
            threadCount = threads ?? list.count
            processors = (0..<threadCount).map { list[$0 % list.count] }
            let nodes = ProcessorTopology(processors, files: files).nodeCount
            nodeCount = nodes
            return
        }
        let topology = ProcessorTopology(allowed, files: files)
        if let threads {
            threadCount = threads
            processors = []
            nodeCount = topology.nodeCount
            return
        }
        let count = topology.cores.count
        let quota = ControlGroups(files: files).processorQuota().map { max(1, Int($0)) } ?? count
        let isLarge = count >= Self.largeMachine
        threadCount = max(1, min(isLarge ? count - 1 : count, quota))
        // A quota says how much, not where: the fewer nodes, the nearer the memory.
        let chosen = topology.cores.prefix(threadCount)
        processors = isLarge || topology.nodeCount > 1 ? chosen.map(\.processor) : []
        nodeCount = Set(chosen.map(\.node)).count
    }

    /// The processors that affinity and cpusets leave to this process (`/proc/self/status`).
    package static func allowedProcessors(files: SystemFiles = SystemFiles()) -> [Int] {
        for line in files.lines("/proc/self/status") where line.hasPrefix("Cpus_allowed_list:") {
            let list = line.drop { $0 != ":" }.dropFirst()
            if let allowed = [Int](processorList: list) { return allowed }
        }
        return Array(0..<max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    }
}
