import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One thread of the system for a loop that blocks.
package final class NamedThread: Sendable {
    private final class Start {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    private let handle: Mutex<pthread_t?>

    /// Starts at once. `name`: at most 15 bytes, as the kernel shows it.
    package init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var thread = pthread_t(bitPattern: 0)
        let result = pthread_create(
            &thread, nil,
            { pointer in
                #if canImport(Glibc)
                    guard let pointer else { return nil }
                #endif
                let start = Unmanaged<Start>.fromOpaque(pointer).takeRetainedValue()
                #if canImport(Glibc)
                    // What pthread_setname_np does: Swift's Glibc module leaves GNU extensions out.
                    let name = open("/proc/thread-self/comm", O_WRONLY)
                    if name >= 0 {
                        _ = write(name, start.name, start.name.utf8.count)
                        close(name)
                    }
                #else
                    pthread_setname_np(start.name)
                #endif
                start.body()
                return nil
            }, start.toOpaque())
        precondition(result == 0, "pthread_create: error \(result)")
        handle = Mutex(thread)
    }

    /// Nobody will join it: the system frees its stack when it ends.
    deinit {
        if let thread = handle.withLock({ $0 }) { pthread_detach(thread) }
    }

    /// Waits for its end; further calls return at once.
    package func join() {
        let thread = handle.withLock { handle in
            defer { handle = nil }
            return handle
        }
        if let thread { pthread_join(thread, nil) }
    }
}
