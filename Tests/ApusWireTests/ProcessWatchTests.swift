import Testing

@testable import ApusWire

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct ProcessWatchTests {
    /// A child that lives until it is killed; not reaped by itself, so that zombies are met too.
    private func spawn() -> pid_t {
        var child: pid_t = 0
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("1000"), nil]
        #expect(posix_spawnp(&child, "sleep", nil, nil, arguments, nil) == 0)
        for argument in arguments { free(argument) }
        return child
    }

    private func end(_ child: pid_t) {
        kill(child, SIGKILL)
        // Waits for the end and leaves the zombie.
        var information = siginfo_t()
        waitid(P_PID, id_t(child), &information, WEXITED | WNOWAIT)
    }

    @Test(arguments: [true, false]) func theEndOfAProcessIsNoticed(_ hasHandle: Bool) throws {
        let child = spawn()
        let watch = hasHandle ? ProcessWatch(processID: child) : ProcessWatch(processID: child, handle: nil)
        #if os(Linux)
            #expect((watch.descriptor != nil) == hasHandle)
        #endif
        #expect(!watch.hasExited)
        end(child)
        #expect(watch.hasExited)
        #expect(watch.hasExited)
        waitpid(child, nil, 0)
        #expect(watch.hasExited)
        // The number is free now.
        #expect(ProcessWatch(processID: child).hasExited)
    }

    @Test func ourselvesAndInitAreAlive() {
        #expect(!ProcessWatch(processID: getpid()).hasExited)
        #expect(!ProcessWatch(processID: 1, handle: nil).hasExited)
    }
}
