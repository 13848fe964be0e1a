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

    private static func residentBytes() -> Int? {
        guard let file = fopen("/proc/self/statm", "r") else { return nil }
        defer { fclose(file) }
        var line = [UInt8](repeating: 0, count: 256)
        let count = fread(&line, 1, line.count, file)
        let words = String(decoding: line[..<count], as: UTF8.self).split(separator: " ")
        guard words.count > 1, let pages = Int(words[1]) else { return nil }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
