import ApusCore
package import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Shows how far a long piece of work is: a bar that moves on a terminal, a line now and then elsewhere.
package final class LoadProgress: Sendable {
    private let title: String
    private let isTerminal: Bool
    private let write: @Sendable (String) -> Void
    private let state: Mutex<State>

    private struct State {
        var tenths = 0
        var lastTime: Double
        var isDone = false
    }

    /// `write` takes text for stderr as it is; lines that are not bars are for the log.
    package init(
        title: String, isTerminal: Bool, write: @escaping @Sendable (String) -> Void
    ) {
        self.title = title
        self.isTerminal = isTerminal
        self.write = write
        state = Mutex(State(lastTime: Clocks.monotonic()))
    }

    /// On stderr when that is a terminal, else in the log.
    package static func standardError(title: String, logger: Logger) -> LoadProgress {
        let isTerminal = isatty(STDERR_FILENO) == 1
        return LoadProgress(title: title, isTerminal: isTerminal) { text in
            if isTerminal { StandardErrorLog.write(text) } else { logger.info("\(text)") }
        }
    }

    /// `share` in 0...1, never falling; may be called from any thread, as often as it likes.
    package func update(_ share: Double) { update(share, now: Clocks.monotonic()) }

    func update(_ share: Double, now: Double) {
        let share = min(max(share, 0), 1)
        let text = state.withLock { state -> String? in
            guard !state.isDone else { return nil }
            state.isDone = share == 1
            let tenths = Int(share * 10)
            if isTerminal {
                guard state.isDone || now - state.lastTime >= 0.05 else { return nil }
                state.lastTime = now
                return "\r" + Self.bar(title: title, share: share) + (state.isDone ? "\n" : "")
            }
            // Work that is over within seconds needs no report.
            guard tenths > state.tenths, now - state.lastTime >= 2 else { return nil }
            state.tenths = tenths
            state.lastTime = now
            return "\(title): \(Int(share * 100))%"
        }
        if let text { write(text) }
    }

    static func bar(title: String, share: Double) -> String {
        let filled = Int(share * 30)
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
        return "\(title) [\(bar)] \(Int(share * 100))%"
    }
}
