import ApusCore
import ApusEngine
package import ApusExperts
import ApusWire
import Logging
import Synchronization

/// How experts are recorded (`--expert-distribution-recorder-…`).
package struct ExpertRecording: Sendable, Hashable {
    package var mode: ExpertRecorder.Mode
    /// Passes that are kept; nil: as many as the memory set aside for them holds.
    package var passLimit: Int?
    /// Where files go; nil: the current directory, without the reference's own format.
    package var directory: String?

    package init(mode: ExpertRecorder.Mode = .stat, passLimit: Int? = 1000, directory: String? = nil) {
        self.mode = mode
        self.passLimit = passLimit
        self.directory = directory
    }
}

/// Starts, stops and dumps records for operators. Files are written on threads of their own: no stream waits for a disk.
final class ExpertDesk {
    private struct Dump {
        let call: UInt64
        let thread: NamedThread
        let reply: Reply
    }

    private final class Reply: Sendable {
        let value = Mutex<ControlReply?>(nil)
    }

    let recorder: ExpertRecorder
    private let files: ExpertFiles
    private let wake: @Sendable () -> Void
    private let logger: Logger
    private var dumps: [Dump] = []

    /// - Parameter wake: Called when a dump is done, on another thread.
    init(
        _ shape: ExpertShape, _ options: ExpertRecording, logger: Logger, wake: @escaping @Sendable () -> Void
    ) {
        recorder = ExpertRecorder(
            shape, mode: options.mode, passLimit: options.passLimit, keepsPasses: options.directory != nil)
        files = ExpertFiles(directory: options.directory ?? ".", writesTorchFile: options.directory != nil)
        self.logger = logger
        self.wake = wake
    }

    deinit {
        for dump in dumps { dump.thread.join() }
    }

    /// The answer, if there is one at once; that of a dump comes from `poll`.
    func operate(_ action: ExpertAction, call: UInt64) -> ControlReply? {
        switch action {
        case .start:
            if recorder.isRecording { logger.warning("Experts are being recorded already; the record begins anew.") }
            recorder.start()
            return .done(message: "Start recording the expert distribution.\n")
        case .stop:
            recorder.stop()
            return .done(message: "Stop recording the expert distribution.\n")
        case .dump:
            dump(call)
            return nil
        }
    }

    /// Dumps that are done.
    func poll() -> [(call: UInt64, reply: ControlReply)] {
        guard !dumps.isEmpty else { return [] }
        var done: [(call: UInt64, reply: ControlReply)] = []
        dumps.removeAll { dump in
            guard let reply = dump.reply.value.withLock({ $0 }) else { return false }
            dump.thread.join()
            done.append((dump.call, reply))
            return true
        }
        return done
    }

    private func dump(_ call: UInt64) {
        let reply = Reply()
        let record = recorder.take()
        let thread = NamedThread("apus-experts") { [files, logger, wake] in
            SideThread.leaveCore()
            let outcome: ControlReply
            do throws(ExpertError) {
                let paths = try files.write(record, at: Clocks.unix())
                logger.info("Expert distribution: \(paths.joined(separator: ", "))")
                outcome = .done(message: "Dump expert distribution record.\n")
            } catch {
                logger.error("Expert distribution: \(error)")
                outcome = .failed(message: "\(error)")
            }
            reply.value.withLock { $0 = outcome }
            wake()
        }
        dumps.append(Dump(call: call, thread: thread, reply: reply))
    }
}
