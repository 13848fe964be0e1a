/// What memory this process may use, at one moment, in bytes.
package struct SystemMemory: Sendable, Hashable {
    /// The smaller of the machine's memory and the control groups' limits.
    package let capacity: Int
    /// What could be taken now without anything being killed or swapped.
    package let available: Int

    package init(capacity: Int, available: Int) {
        self.capacity = capacity
        self.available = available
    }

    /// Reads `/proc/meminfo` and the control groups; nil where there is neither.
    package init?(files: SystemFiles = SystemFiles()) {
        var total: Int?
        var free: Int?
        for line in files.lines("/proc/meminfo") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == ":" })
            guard words.count >= 2, let kibibytes = Int(words[1]) else { continue }
            switch words[0] {
            case "MemTotal": total = kibibytes << 10
            case "MemAvailable": free = kibibytes << 10
            default: break
            }
        }
        let limits = ControlGroups(files: files).memoryLimits()
        guard let capacity = ([total].compactMap { $0 } + limits.map(\.limit)).min() else { return nil }
        self.capacity = capacity
        available = ([free].compactMap { $0 } + limits.map(\.available)).min() ?? capacity
    }
}
