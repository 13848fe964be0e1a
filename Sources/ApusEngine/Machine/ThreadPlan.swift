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
    /// One processor a thread to be bound to; empty: not bound.
    package let processors: [Int]

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
            return
        }
        processors = []
        if let threads {
            threadCount = threads
            return
        }
        let cores = Self.physicalCores(of: allowed, files: files)
        let quota = ControlGroups(files: files).processorQuota().map { max(1, Int($0)) } ?? cores
        threadCount = max(1, min(cores, quota))
    }

    /// Processors are threads of a core; those that share one core count once.
    private static func physicalCores(of processors: [Int], files: SystemFiles) -> Int {
        var cores: Set<Int> = []
        for processor in processors {
            let topology = "/sys/devices/system/cpu/cpu\(processor)/topology"
            let siblings =
                files.word("\(topology)/core_cpus_list") ?? files.word("\(topology)/thread_siblings_list")
            cores.insert(siblings.flatMap { [Int](processorList: $0)?.first } ?? processor)
        }
        return cores.count
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
