#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A file descriptor that is closed with its owner.
struct Descriptor: ~Copyable {
    let number: Int32

    init(_ number: Int32) {
        precondition(number >= 0, "not a descriptor")
        self.number = number
    }

    deinit {
        // Linux frees the number even when close says EINTR: it must not be tried again.
        _ = close(number)
    }
}

/// Repeats a system call that a signal interrupted; nil stands for success, else errno.
func uninterrupted(_ call: () -> Int32) -> (result: Int32, code: Int32?) {
    while true {
        let result = call()
        if result >= 0 { return (result, nil) }
        if errno != EINTR { return (result, errno) }
    }
}

/// Milliseconds for poll: rounded up so that a loop does not spin at its deadline; -1 waits for ever.
func milliseconds(_ seconds: Double) -> Int32 {
    guard seconds > 0 else { return 0 }
    return seconds < 1e6 ? Int32((seconds * 1000).rounded(.up)) : -1
}
