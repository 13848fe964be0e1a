#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Clock readings as plain seconds, for arithmetic on the hot path and for fields that clients see.
package enum Clocks {
    /// Seconds of a clock that never steps back (CLOCK_MONOTONIC); comparable between processes of one machine.
    package static func monotonic() -> Double {
        reading(CLOCK_MONOTONIC)
    }

    /// Seconds since 1970 (CLOCK_REALTIME).
    package static func unix() -> Double {
        reading(CLOCK_REALTIME)
    }

    private static func reading(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
