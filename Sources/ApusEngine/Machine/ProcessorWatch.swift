#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What other processes, and the host of a virtual machine, took of all processors since this was made: measurements
/// beside much of that are too low.
package struct ProcessorWatch: Sendable {
    /// Seconds of all processors since the machine was started.
    struct Times: Sendable {
        let busy: Double
        let all: Double
    }

    private let files: SystemFiles
    private let begin: (times: Times, own: Double)?

    package init(files: SystemFiles = SystemFiles()) {
        self.files = files
        begin = Self.times(files).map { ($0, Self.own()) }
    }

    /// 0...1; nil: the system does not tell.
    package func othersShare() -> Double? {
        guard let begin, let now = Self.times(files) else { return nil }
        return Self.share(from: begin, to: (now, Self.own()))
    }

    static func share(from begin: (times: Times, own: Double), to end: (times: Times, own: Double)) -> Double? {
        let all = end.times.all - begin.times.all
        guard all > 0 else { return nil }
        let others = end.times.busy - begin.times.busy - (end.own - begin.own)
        return min(1, max(0, others / all))
    }

    /// The first line of `/proc/stat` (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal, in ticks.
    static func times(_ files: SystemFiles) -> Times? {
        guard let words = files.lines("/proc/stat").first?.split(separator: " "), words.first == "cpu" else {
            return nil
        }
        let ticks = words.dropFirst().prefix(8).compactMap { Double($0) }
        guard ticks.count == 8 else { return nil }
        let second = Double(sysconf(Int32(_SC_CLK_TCK)))
        let all = ticks.reduce(0, +)
        return Times(busy: (all - ticks[3] - ticks[4]) / second, all: all / second)
    }

    /// Seconds that this process computed.
    private static func own() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
