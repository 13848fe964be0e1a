package import ApusCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Hands signals to an ordinary function on a thread of its own, where everything may be done.
package enum SignalWatch {
    /// Keeps `signals` from every thread that is started later. To be called first thing in `main`.
    package static func block(_ signals: [Int32]) {
        var set = signalSet(signals)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Calls `handle` for each of `signals` as it comes, for ever. They must be blocked.
    package static func start(_ signals: [Int32], _ handle: @escaping @Sendable (Int32) -> Void) -> NamedThread {
        NamedThread("signals") {
            var set = signalSet(signals)
            while true {
                var signal: Int32 = 0
                if sigwait(&set, &signal) == 0 { handle(signal) }
            }
        }
    }

    private static func signalSet(_ signals: [Int32]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        return set
    }
}
