#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a process holds of the machine's memory at one moment, in bytes.
package struct MemoryStatistics: Sendable, Equatable {
    /// Pages in memory, shared ones included (`/proc/self/statm`).
    package let resident: Int
    /// Most that was resident at once.
    package let peak: Int
    /// Asked of the allocator and not freed.
    package let allocated: Int
    /// In pages of the allocator that hold something.
    package let active: Int
    /// Mapped by the allocator.
    package let mapped: Int

    package static func current() -> MemoryStatistics {
        Allocator.refresh()
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(RUSAGE_SELF.rawValue, &usage)
            let peak = usage.ru_maxrss * 1024
        #else
            getrusage(RUSAGE_SELF, &usage)
            let peak = usage.ru_maxrss
        #endif
        return MemoryStatistics(
            resident: residentBytes() ?? peak, peak: peak, allocated: Allocator.statistic("stats.allocated") ?? 0,
            active: Allocator.statistic("stats.active") ?? 0, mapped: Allocator.statistic("stats.mapped") ?? 0)
    }

    /// nil where there is no such file.
    static func residentBytes() -> Int? {
        guard statm >= 0 else { return nil }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { line in
            let count = pread(statm, line.baseAddress, line.count, 0)
            let words = line.prefix(max(0, count)).split(separator: UInt8(ascii: " "), maxSplits: 2)
            guard words.count > 1, let pages = Int(String(decoding: words[1], as: UTF8.self)) else { return nil }
            return pages * sysconf(Int32(_SC_PAGESIZE))
        }
    }

    /// Open as long as the process lives, since heartbeats read it.
    private static let statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
}
