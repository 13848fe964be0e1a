#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A process that we started, in a process group of its own: a terminal's Ctrl-C reaches the supervisor alone.
struct ChildProcess {
    let processID: pid_t

    /// Starts `role` with all signals at their defaults. SIGHUP is blocked, so that one that comes before the role can
    /// tell what it means waits; all others are not.
    init(_ role: Role, plan: ProcessPlan, lifeline: Int32) throws(SupervisorError) {
        #if canImport(Glibc)
            var attributes = posix_spawnattr_t()
            var actions = posix_spawn_file_actions_t()
        #else
            var attributes: posix_spawnattr_t?
            var actions: posix_spawn_file_actions_t?
        #endif
        posix_spawnattr_init(&attributes)
        posix_spawn_file_actions_init(&actions)
        defer {
            posix_spawnattr_destroy(&attributes)
            posix_spawn_file_actions_destroy(&actions)
        }
        var blocked = sigset_t()
        sigemptyset(&blocked)
        sigaddset(&blocked, SIGHUP)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &blocked)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
        posix_spawnattr_setflags(&attributes, Int16(flags))
        posix_spawn_file_actions_adddup2(&actions, lifeline, ProcessPlan.lifelineDescriptor)

        var arguments = ([plan.executable] + plan.arguments(role)).map { strdup($0) }
        var environment = plan.environment.map { strdup("\($0.key)=\($0.value)") }
        defer { for text in arguments + environment { free(text) } }
        arguments.append(nil)
        environment.append(nil)

        var processID: pid_t = 0
        let code = posix_spawn(&processID, plan.executable, &actions, &attributes, arguments, environment)
        guard code == 0 else { throw SupervisorError(call: "posix_spawn", subject: plan.executable, code: code) }
        self.processID = processID
    }

    func terminate() { kill(processID, SIGTERM) }

    /// The whole group: whatever the child may have started goes with it.
    func killGroup() {
        kill(-processID, SIGKILL)
        kill(processID, SIGKILL)
    }

    /// How it ended; nil while it lives.
    func ending() -> ProcessEnding? {
        var status: Int32 = 0
        while true {
            let result = waitpid(processID, &status, WNOHANG)
            if result == processID { return ProcessEnding(waitStatus: status) }
            if result < 0 && errno == EINTR { continue }
            return nil
        }
    }
}
