#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Wakes a thread that waits in `receive(timeout:)`, from any other thread: a pipe, because that is what can be polled
/// together with sockets. Waking twice before the thread notices is the same as waking once.
package final class WakeSignal: Sendable {
    private let readEnd: Descriptor
    private let writeEnd: Descriptor

    package init() throws(WireError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .failed(call: "pipe", subject: "wake signal", code: errno) }
        readEnd = Descriptor(ends[0])
        writeEnd = Descriptor(ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }

    /// Readable from `wake()` until `clear()`.
    package var descriptor: Int32 { readEnd.number }

    package func wake() {
        // A full pipe (EAGAIN) has already been woken.
        var byte: UInt8 = 1
        _ = uninterrupted { Int32(write(writeEnd.number, &byte, 1)) }
    }

    package func clear() {
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
            while uninterrupted({ Int32(read(readEnd.number, buffer.baseAddress, buffer.count)) }).result
                == buffer.count
            {}
        }
    }
}
