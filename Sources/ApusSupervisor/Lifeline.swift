package import ApusCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A pipe that nobody writes to: its far end closes when the parent is gone, however it went, and then the child ends.
package struct Lifeline: ~Copyable {
    /// What children inherit.
    let childEnd: Int32
    private let parentEnd: Int32

    init() throws(SupervisorError) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw SupervisorError(call: "pipe", subject: "lifeline", code: errno) }
        // Neither end passes to children by itself: the parent's must not, the other is given to them by number.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        childEnd = ends[0]
        parentEnd = ends[1]
    }

    deinit {
        close(childEnd)
        close(parentEnd)
    }

    /// In the child: ends this process, without ceremony, as soon as the parent is gone.
    package static func hold(_ descriptor: Int32) -> NamedThread {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return NamedThread("lifeline") {
            var byte: UInt8 = 0
            while true {
                let count = read(descriptor, &byte, 1)
                if count == 0 || (count < 0 && errno != EINTR) { _exit(1) }
            }
        }
    }
}
