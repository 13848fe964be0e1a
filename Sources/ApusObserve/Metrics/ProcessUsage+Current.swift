package import ApusCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension ProcessUsage {
    /// This process's, now.
    package static func current() -> ProcessUsage {
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(RUSAGE_SELF.rawValue, &usage)
        #else
            getrusage(RUSAGE_SELF, &usage)
        #endif
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
        Allocator.refresh()
        var result = ProcessUsage()
        result.cpuSeconds = seconds(usage.ru_utime) + seconds(usage.ru_stime)
        result.residentBytes = MemoryStatistics.residentBytes() ?? 0
        result.allocatedBytes = Allocator.statistic("stats.allocated") ?? 0
        return result
    }
}
