#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// State that threads change, and whose changes they wait for.
///
/// `@unchecked Sendable`: `state` is touched under `mutex` alone.
package final class Monitor<State: Sendable>: @unchecked Sendable {
    private var state: State
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init(_ state: State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
        #if canImport(Glibc)
            var attributes = pthread_condattr_t()
            pthread_condattr_init(&attributes)
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
            pthread_cond_init(changed, &attributes)
            pthread_condattr_destroy(&attributes)
        #else
            pthread_cond_init(changed, nil)
        #endif
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Whoever waits looks again.
    package func change<Outcome>(_ body: (inout State) -> Outcome) -> Outcome {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        let outcome = body(&state)
        pthread_cond_broadcast(changed)
        return outcome
    }

    /// - Parameter seconds: nil: as long as it takes.
    /// - Returns: Whether it came true.
    @discardableResult
    package func wait(atMost seconds: Double? = nil, until isTrue: (State) -> Bool) -> Bool {
        let deadline = seconds.map { Clocks.monotonic() + $0 }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !isTrue(state) {
            guard let deadline else {
                pthread_cond_wait(changed, mutex)
                continue
            }
            let left = deadline - Clocks.monotonic()
            guard left > 0 else { return false }
            #if canImport(Glibc)
                var end = timespec(
                    tv_sec: Int(deadline), tv_nsec: Int((deadline - deadline.rounded(.down)) * 1e9))
                pthread_cond_timedwait(changed, mutex, &end)
            #else
                var time = timespec(tv_sec: Int(left), tv_nsec: Int((left - left.rounded(.down)) * 1e9))
                pthread_cond_timedwait_relative_np(changed, mutex, &time)
            #endif
        }
        return true
    }
}
