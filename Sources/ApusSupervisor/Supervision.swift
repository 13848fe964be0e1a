import ApusCore

/// What the supervisor does about what happens: a pure state machine, events in and actions out.
///
/// Roles run until a signal asks for the end; one that dies is started again by `RestartPolicy`. The end begins with
/// the front, which finishes what is in flight; the others follow once it is gone.
package struct Supervision: Sendable {
    package enum Event: Sendable, Equatable {
        case begin
        /// A role said that it does its work.
        case ready(Role)
        /// A role said what it is doing.
        case status(Role, String)
        /// A role got on with its work.
        case alive(Role)
        case exited(Role, ProcessEnding)
        /// Somebody wants the end.
        case terminate
        /// Time has passed.
        case tick
    }

    package enum Action: Sendable, Equatable {
        case start(Role)
        case terminate(Role)
        case kill(Role)
        /// All roles are ready.
        case announceReady
        case announceStopping
        case announceStatus(String)
        case log(Severity, String)
        case exit(Int32)
    }

    package enum Severity: Sendable, Equatable {
        case info
        case warning
        case error
    }

    package struct Timing: Sendable, Equatable {
        /// Seconds that the front may take to finish what is in flight.
        package var drainTimeout = 65.0
        /// Seconds that the others may take to end.
        package var stopTimeout = 10.0
        /// Seconds without a sign of life, after the first one, until a role is killed.
        package var watchdogTimeout = 300.0
        /// The same, until a role is only complained of; nil: never.
        package var softWatchdogTimeout: Double?

        package init() {}
    }

    private enum Phase: Equatable {
        case running
        case draining(deadline: Double)
        case stopping(deadline: Double)
        /// Everything is being killed; then the process ends with this code.
        case failing(Int32)
        case over
    }

    private struct Child {
        var isRunning = false
        var startedAt = 0.0
        var readyAt: Double?
        var wasEverReady = false
        var failures = 0
        var restartAt: Double?
        var lastSign: Double?
        /// Its silence has been complained of.
        var isLate = false
    }

    private var phase = Phase.running
    private var children: [Role: Child] = [:]
    private var random: SplitMix64
    private(set) var hasAnnouncedReady = false
    private let policy: RestartPolicy
    private let timing: Timing

    package init(policy: RestartPolicy = RestartPolicy(), timing: Timing = Timing(), seed: UInt64) {
        self.policy = policy
        self.timing = timing
        random = SplitMix64(seed: seed)
        for role in Role.allCases { children[role] = Child() }
    }

    /// The moment by which a `tick` is due; nil when only events matter.
    package var deadline: Double? {
        var moments = Role.allCases.compactMap { children[$0]!.restartAt }
        switch phase {
        case .draining(let deadline), .stopping(let deadline): moments.append(deadline)
        case .running:
            for child in children.values where child.isRunning {
                guard let sign = child.lastSign else { continue }
                moments.append(sign + timing.watchdogTimeout)
                if let soft = timing.softWatchdogTimeout, !child.isLate { moments.append(sign + soft) }
            }
        case .failing, .over: break
        }
        return moments.min()
    }

    /// `now` in seconds of a clock that never steps back.
    package mutating func handle(_ event: Event, at now: Double) -> [Action] {
        guard phase != .over else { return [] }
        switch event {
        case .begin: return [.scheduler, .detokenizer, .front].flatMap { start($0, at: now) }
        case .ready(let role): return noteReady(role, at: now)
        case .status(let role, let text): return [.announceStatus("\(role.rawValue): \(text)")]
        case .alive(let role):
            children[role]!.lastSign = now
            children[role]!.isLate = false
            return []
        case .exited(let role, let status): return noteExit(role, status, at: now)
        case .terminate: return terminate(at: now)
        case .tick: return tick(at: now)
        }
    }

    private mutating func start(_ role: Role, at now: Double) -> [Action] {
        children[role]!.isRunning = true
        children[role]!.startedAt = now
        children[role]!.readyAt = nil
        children[role]!.restartAt = nil
        children[role]!.lastSign = nil
        return [.start(role)]
    }

    private mutating func noteReady(_ role: Role, at now: Double) -> [Action] {
        guard children[role]!.isRunning, children[role]!.readyAt == nil else { return [] }
        children[role]!.readyAt = now
        children[role]!.wasEverReady = true
        let allReady = children.values.allSatisfy { $0.readyAt != nil }
        guard phase == .running, allReady else { return [] }
        defer { hasAnnouncedReady = true }
        return hasAnnouncedReady ? [.announceStatus("serving")] : [.announceReady, .announceStatus("serving")]
    }

    // MARK: Deaths

    private mutating func noteExit(_ role: Role, _ status: ProcessEnding, at now: Double) -> [Action] {
        guard children[role]!.isRunning else { return [] }
        let readyAt = children[role]!.readyAt
        children[role]!.isRunning = false
        children[role]!.readyAt = nil
        children[role]!.lastSign = nil
        switch phase {
        case .running: return restart(role, status, readyAt: readyAt, at: now)
        case .draining: return role == .front ? stopOthers(at: now) : []
        case .stopping, .failing: return finishWhenEmpty()
        case .over: return []
        }
    }

    private mutating func restart(_ role: Role, _ status: ProcessEnding, readyAt: Double?, at now: Double) -> [Action] {
        // One that has served with this configuration will serve again when what it misses is back: a disk, a folder.
        if status.isConfigurationError && !children[role]!.wasEverReady {
            // The role has said on stderr what is wrong.
            return fail(code: status.shellCode, log: [])
        }
        let wasHealthy = readyAt.map { now - $0 >= policy.healthySeconds } ?? false
        children[role]!.failures = wasHealthy ? 1 : children[role]!.failures + 1
        let failures = children[role]!.failures
        if !children[role]!.wasEverReady && failures >= policy.startLimit {
            let code = status.shellCode == 0 ? 1 : status.shellCode
            return fail(
                code: code, log: [.log(.error, "\(role.rawValue) ended \(failures) times at start-up (\(status))")])
        }
        let delay = policy.delay(failures: failures, using: &random)
        children[role]!.restartAt = now + delay
        let milliseconds = Int((delay * 1000).rounded())
        return [
            .log(.warning, "\(role.rawValue) ended (\(status)); it is started again in \(milliseconds) ms"),
            .announceStatus("\(role.rawValue) is being started again"),
        ]
    }

    private mutating func fail(code: Int32, log: [Action]) -> [Action] {
        phase = .failing(code)
        for role in Role.allCases { children[role]!.restartAt = nil }
        let kills = running.map(Action.kill)
        return log + (kills.isEmpty ? finishWhenEmpty() : kills)
    }

    // MARK: The end

    private mutating func terminate(at now: Double) -> [Action] {
        switch phase {
        case .running:
            for role in Role.allCases { children[role]!.restartAt = nil }
            let log = [Action.announceStopping, .log(.info, "ending: requests in flight are finished first")]
            guard children[.front]!.isRunning else { return log + stopOthers(at: now) }
            phase = .draining(deadline: now + timing.drainTimeout)
            return log + [.terminate(.front)]
        case .draining, .stopping:
            phase = .failing(0)
            let kills = running.map(Action.kill)
            return [.log(.warning, "ending at once")] + (kills.isEmpty ? finishWhenEmpty() : kills)
        case .failing, .over: return []
        }
    }

    private mutating func stopOthers(at now: Double) -> [Action] {
        guard !running.isEmpty else { return finish(code: 0) }
        phase = .stopping(deadline: now + timing.stopTimeout)
        return running.filter { $0 != .front }.map(Action.terminate)
    }

    private mutating func finishWhenEmpty() -> [Action] {
        guard running.isEmpty else { return [] }
        if case .failing(let code) = phase { return finish(code: code) }
        return finish(code: 0)
    }

    private mutating func finish(code: Int32) -> [Action] {
        phase = .over
        return [.exit(code)]
    }

    // MARK: Time

    private mutating func tick(at now: Double) -> [Action] {
        switch phase {
        case .running:
            var actions: [Action] = []
            for role in Role.allCases {
                let child = children[role]!
                if let restartAt = child.restartAt, restartAt <= now { actions += start(role, at: now) }
                if child.isRunning, let sign = child.lastSign { actions += watch(role, silent: now - sign) }
            }
            return actions
        case .draining(let deadline) where deadline <= now:
            return [.log(.warning, "the front did not end in time"), .kill(.front)] + stopOthers(at: now)
        case .stopping(let deadline) where deadline <= now:
            phase = .failing(0)
            return running.map(Action.kill)
        case .draining, .stopping, .failing, .over:
            return []
        }
    }

    private mutating func watch(_ role: Role, silent seconds: Double) -> [Action] {
        let text = "\(role.rawValue) has made no progress for \(Int(seconds)) s"
        if seconds >= timing.watchdogTimeout {
            children[role]!.lastSign = nil
            return [.log(.error, "\(text) (--watchdog-timeout)"), .kill(role)]
        }
        guard let soft = timing.softWatchdogTimeout, seconds >= soft, !children[role]!.isLate else { return [] }
        children[role]!.isLate = true
        return [.log(.warning, "\(text) (--soft-watchdog-timeout)")]
    }

    private var running: [Role] { Role.allCases.filter { children[$0]!.isRunning } }
}
