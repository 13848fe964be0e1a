/// What a process has used of the machine.
package struct ProcessUsage: Sendable, Hashable {
    /// Seconds of processor time so far, of all threads.
    package var cpuSeconds = 0.0
    /// Bytes in memory now, and asked of the allocator and not freed.
    package var residentBytes = 0
    package var allocatedBytes = 0

    package init() {}
}
