import ApusCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Lines in a folder, in a new file every hour: `requests-2026-11-28-03.log`. A line that cannot be written (a full disk,
/// a folder that is gone) is lost and counted; nobody waits for it.
package final class HourlyFile: Sendable {
    private struct State {
        var descriptor: Int32 = -1
        var hour = -1
        var lost = 0
    }

    private let folder: String
    private let prefix: String
    private let state = Mutex(State())

    /// The folder is made when it is missing.
    package init(folder: String, prefix: String) {
        self.folder = folder
        self.prefix = prefix
    }

    deinit {
        let descriptor = state.withLock { $0.descriptor }
        if descriptor >= 0 { close(descriptor) }
    }

    package var lostCount: Int { state.withLock { $0.lost } }

    /// `line` without its end.
    package func write(_ line: String, time: Double = Clocks.unix()) {
        let bytes = Array("\(line)\n".utf8)
        state.withLock { state in
            open(at: time, &state)
            guard state.descriptor >= 0 else {
                state.lost += 1
                return
            }
            #if canImport(Glibc)
                let count = Glibc.write(state.descriptor, bytes, bytes.count)
            #else
                let count = Darwin.write(state.descriptor, bytes, bytes.count)
            #endif
            guard count == bytes.count else {
                state.lost += 1
                // Half a line would spoil the next.
                if count > 0 { ftruncate(state.descriptor, lseek(state.descriptor, 0, SEEK_END) - off_t(count)) }
                return
            }
        }
    }

    private func open(at time: Double, _ state: inout State) {
        let hour = Int(time / 3600)
        guard hour != state.hour || state.descriptor < 0 else { return }
        if state.descriptor >= 0 { close(state.descriptor) }
        state.hour = hour
        mkdir(folder, 0o750)
        let stamp = LogLine.utcTime(time).prefix(13).replacing("T", with: "-")
        #if canImport(Glibc)
            state.descriptor = Glibc.open(
                "\(folder)/\(prefix)-\(stamp).log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        #else
            state.descriptor = Darwin.open(
                "\(folder)/\(prefix)-\(stamp).log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        #endif
    }
}
