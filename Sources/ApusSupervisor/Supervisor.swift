import ApusCore
package import ApusObserve
package import Logging

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Starts the roles and keeps them running; `Supervision` decides, this does.
package final class Supervisor {
    /// Signals that the supervisor lives on; to be blocked before any thread is started.
    package static let signals = [SIGTERM, SIGINT, SIGCHLD, SIGHUP]

    private let plan: ProcessPlan
    private var supervision: Supervision
    private var children: [Role: ChildProcess] = [:]
    private let socket: NotifySocket
    private let lifeline: Lifeline
    private let notify: Notify
    private let logger: Logger
    private let reread: (() throws -> Void)?
    private var exitCode: Int32?

    /// - Parameters:
    ///   - directory: Private folder for the socket on which the roles report.
    ///   - notify: Who wants to know of the whole.
    ///   - reread: Makes what the roles are to read when SIGHUP asks for it; nil: SIGHUP asks for the end.
    package init(
        plan: ProcessPlan, supervision: Supervision, directory: String, notify: Notify, logger: Logger,
        reread: (() throws -> Void)? = nil
    ) throws(SupervisorError) {
        socket = try NotifySocket(path: "\(directory)/notify.sock")
        lifeline = try Lifeline()
        var plan = plan
        plan.environment["NOTIFY_SOCKET"] = socket.path
        self.plan = plan
        self.supervision = supervision
        self.notify = notify
        self.logger = logger
        self.reread = reread
    }

    /// Runs until the end; the result is the exit code of the process. No child is left.
    package func run() throws(SupervisorError) -> Int32 {
        var pipeEnds: [Int32] = [0, 0]
        guard pipe(&pipeEnds) == 0 else { throw SupervisorError(call: "pipe", subject: "signals", code: errno) }
        for end in pipeEnds {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        let (signalEnd, writeEnd) = (pipeEnds[0], pipeEnds[1])
        // Both ends stay open until the process ends: the thread that writes does too.
        _ = SignalWatch.start(Self.signals) { signal in
            var byte = UInt8(signal)
            _ = write(writeEnd, &byte, 1)
        }

        handle(.begin)
        while exitCode == nil {
            wait(for: signalEnd)
            // What a child said before its end counts before its end.
            for event in socket.receive() { handle(event) }
            for signal in Self.pendingSignals(signalEnd) where signal != SIGCHLD {
                if signal == SIGHUP, let reread { reload(reread) } else { handle(.terminate) }
            }
            reap()
            handle(.tick)
        }
        return exitCode ?? 1
    }

    /// Until a signal, a report or the next deadline.
    private func wait(for signalEnd: Int32) {
        var items = [signalEnd, socket.descriptor].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var milliseconds: Int32 = -1
        if let deadline = supervision.deadline {
            milliseconds = Int32(min(max((deadline - Clocks.monotonic()) * 1000, 0).rounded(.up), 60_000))
        }
        _ = poll(&items, nfds_t(items.count), milliseconds)
    }

    private static func pendingSignals(_ descriptor: Int32) -> [Int32] {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? bytes[..<count].map(Int32.init) : []
    }

    private func reap() {
        for (role, child) in children {
            guard let status = child.ending() else { continue }
            children[role] = nil
            handle(.exited(role, status))
        }
    }

    /// Has the roles read what `reread` wrote.
    private func reload(_ reread: () throws -> Void) {
        notify.reloading()
        do {
            try reread()
            for child in children.values { kill(child.processID, SIGHUP) }
        } catch {
            logger.error("The configuration was not read again, what held still holds: \(error)")
        }
        if supervision.hasAnnouncedReady { notify.ready() }
    }

    private func handle(_ event: Supervision.Event) {
        for action in supervision.handle(event, at: Clocks.monotonic()) { perform(action) }
    }

    private func perform(_ action: Supervision.Action) {
        switch action {
        case .start(let role): start(role)
        case .terminate(let role): children[role]?.terminate()
        case .kill(let role): children[role]?.killGroup()
        case .announceReady: notify.ready()
        case .announceStopping: notify.stopping()
        case .announceStatus(let text): notify.status(text)
        case .log(.info, let text): logger.info("\(text)")
        case .log(.warning, let text): logger.warning("\(text)")
        case .log(.error, let text): logger.error("\(text)")
        case .exit(let code): exitCode = code
        }
    }

    private func start(_ role: Role) {
        do {
            children[role] = try ChildProcess(role, plan: plan, lifeline: lifeline.childEnd)
            logger.debug("\(role.rawValue) is process \(children[role]!.processID)")
        } catch {
            logger.error("\(role.rawValue) cannot be started: \(error)")
            handle(.exited(role, .code(1)))
        }
    }
}
