/// The control groups that this process is in, version 1 or 2: each level, from its own up to the root, may limit it.
package struct ControlGroups: Sendable {
    package enum Controller: String, Sendable {
        case memory
        case processor = "cpu"
    }

    package struct Level: Sendable, Hashable {
        package let directory: String
        /// 1 or 2: the names of the files differ.
        package let version: Int
    }

    private let files: SystemFiles

    package init(files: SystemFiles = SystemFiles()) {
        self.files = files
    }

    /// The levels of one controller, own group first. Empty where there are no control groups.
    package func levels(of controller: Controller) -> [Level] {
        for line in files.lines("/proc/self/cgroup") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let names = fields[1].split(separator: ",")
            if names.contains(where: { $0 == controller.rawValue }) {
                for mount in [String(fields[1]), controller.rawValue] {
                    let levels = levels(mount: "/sys/fs/cgroup/\(mount)", path: fields[2], version: 1)
                    if !levels.isEmpty { return levels }
                }
            }
            if fields[0] == "0" && fields[1].isEmpty {
                for mount in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
                where files.exists("\(mount)/cgroup.controllers") {
                    let levels = levels(mount: mount, path: fields[2], version: 2)
                    if !levels.isEmpty { return levels }
                }
            }
        }
        return []
    }

    /// Inside a container the path may be the host's, of which only the mount's root exists here: missing levels are
    /// left out, and the mount itself is always the last.
    private func levels(mount: String, path: Substring, version: Int) -> [Level] {
        guard files.exists(mount) else { return [] }
        var levels: [Level] = []
        var parts = path.split(separator: "/")
        while true {
            let directory = ([mount] + parts.map(String.init)).joined(separator: "/")
            if !parts.contains(".."), files.exists(directory) {
                levels.append(Level(directory: directory, version: version))
            }
            if parts.isEmpty { return levels }
            parts.removeLast()
        }
    }

    /// Processors' worth of time that the process may use; nil: no limit. (`cpu.max`, `cpu.cfs_quota_us`.)
    package func processorQuota() -> Double? {
        levels(of: .processor).compactMap { level -> Double? in
            let quota: Double?
            let period: Double?
            if level.version == 2 {
                let words = files.text("\(level.directory)/cpu.max")?.split(whereSeparator: \.isWhitespace) ?? []
                quota = words.first.flatMap { Double($0) }
                period = words.dropFirst().first.flatMap { Double($0) }
            } else {
                quota = files.word("\(level.directory)/cpu.cfs_quota_us").flatMap { Double($0) }
                period = files.word("\(level.directory)/cpu.cfs_period_us").flatMap { Double($0) }
            }
            guard let quota, let period, quota > 0, period > 0 else { return nil }
            return quota / period
        }.min()
    }

    /// Each limited level's limit and what is still free below it, in bytes.
    package func memoryLimits() -> [(limit: Int, available: Int)] {
        levels(of: .memory).compactMap { level in
            let name = level.version == 2 ? "memory.max" : "memory.limit_in_bytes"
            // "max" is no number; version 1 writes "no limit" as a number near the top of the range.
            guard let limit = files.word("\(level.directory)/\(name)").flatMap({ Int($0) }), limit < 1 << 60 else {
                return nil
            }
            let usage = level.version == 2 ? "memory.current" : "memory.usage_in_bytes"
            let used = files.word("\(level.directory)/\(usage)").flatMap { Int($0) } ?? 0
            return (limit, max(0, limit - max(0, used - reclaimable(level))))
        }
    }

    /// File pages that the kernel would drop before it kills, in bytes.
    private func reclaimable(_ level: Level) -> Int {
        let key = level.version == 2 ? "inactive_file" : "total_inactive_file"
        for line in files.lines("\(level.directory)/memory.stat") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == key { return Int(words[1]) ?? 0 }
        }
        return 0
    }
}
