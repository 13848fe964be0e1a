import ApusCore
import ApusJSON
import ApusTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A running `apus` command, with its log in a file. Ended with everything it started when the value goes away.
final class Server {
    let processID: pid_t
    let port: Int
    let runtimeParent: String
    private let directory = TemporaryDirectory()
    private var ending: Int32?

    /// Starts `apus`, or another `executable`, with `arguments`; nothing of this machine's settings plays a part.
    ///
    /// - Parameters:
    ///   - isDetached: it has no terminal, even where the tests have one.
    ///   - errors: where stderr goes instead of where `log` finds it.
    init(
        _ arguments: [String], port: Int = 0, runtimeParent: String? = nil, environment: [String: String] = [:],
        executable: String = Fixture.executable, isDetached: Bool = false, errors: String? = nil
    ) {
        self.port = port
        self.runtimeParent = runtimeParent ?? "\(directory.path)/run"
        var variables = environment
        variables["PATH"] = "/usr/bin:/bin"
        variables["XDG_RUNTIME_DIR"] = self.runtimeParent
        for name in ["LD_LIBRARY_PATH", "HOME", "ASAN_OPTIONS", "TSAN_OPTIONS"] {
            if let value = getenv(name) { variables[name] = String(cString: value) }
        }
        processID = Self.spawn(
            executable, arguments, variables, output: directory.path, errors: errors, isDetached: isDetached)
    }

    /// Kills the scheduler, and waits for the next to serve.
    func crashScheduler() throws {
        let victim = try role("scheduler")
        kill(victim, SIGKILL)
        #expect(try Fixture.eventually { try self.role("scheduler") != victim })
        try waitUntilHealthy()
    }

    /// `apus serve` on a free port with a tiny model, ready to answer.
    static func serving(
        _ model: String = Fixture.model("qwen2"), _ arguments: [String] = [], runtimeParent: String? = nil,
        environment: [String: String] = [:], isDetached: Bool = false, errors: String? = nil
    ) throws -> Server {
        let port = Fixture.freePort()
        // A pool that a test can fill, and that is made in no time.
        let flags = ["serve", "--model-path", model, "--port", String(port), "--max-total-tokens", "16Ki"]
        let server = Server(
            flags + arguments, port: port, runtimeParent: runtimeParent, environment: environment,
            isDetached: isDetached, errors: errors)
        try server.waitUntilHealthy()
        return server
    }

    deinit {
        if ending == nil {
            for child in descendants { kill(child, SIGKILL) }
            kill(processID, SIGKILL)
            _ = wait()
        }
    }

    /// What it wrote to stderr so far.
    var log: String { Fixture.text(of: "\(directory.path)/stderr") }
    /// What it wrote to stdout so far.
    var output: String { Fixture.text(of: "\(directory.path)/stdout") }

    func waitUntilHealthy(seconds: Double = 60) throws {
        let deadline = Clocks.monotonic() + seconds
        while Clocks.monotonic() < deadline {
            if (try? HTTPClient(port: port).get("/health"))?.status == 200 { return }
            if poll() != nil { break }
            usleep(20_000)
        }
        throw Failure("not healthy: exit \(String(describing: ending)), log:\n\(log)")
    }

    func signal(_ number: Int32) { kill(processID, number) }

    /// How it ended (128 + signal for a signal); nil while it runs.
    func poll() -> Int32? {
        if let ending { return ending }
        var status: Int32 = 0
        guard waitpid(processID, &status, WNOHANG) == processID else { return nil }
        ending = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
        return ending
    }

    /// Waits for its end; nil when it does not come in time.
    func wait(seconds: Double = 60) -> Int32? {
        let deadline = Clocks.monotonic() + seconds
        while Clocks.monotonic() < deadline {
            if let code = poll() { return code }
            usleep(5_000)
        }
        return nil
    }

    /// The process of a role, which `apus serve` started.
    func role(_ name: String) throws -> pid_t {
        let deadline = Clocks.monotonic() + 20
        while Clocks.monotonic() < deadline {
            for child in descendants where Fixture.commandLine(of: child).dropFirst().first == name { return child }
            usleep(5_000)
        }
        throw Failure("no process of the \(name), log:\n\(log)")
    }

    /// Live children, and theirs.
    var descendants: [pid_t] {
        let parents = Fixture.liveProcesses()
        var found: [pid_t] = []
        var next = [processID]
        while let parent = next.popLast() {
            let children = parents.filter { $0.value == parent }.map(\.key)
            found += children
            next += children
        }
        return found
    }

    private static func spawn(
        _ executable: String, _ arguments: [String], _ environment: [String: String], output directory: String,
        errors: String?, isDetached: Bool
    ) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        let flags = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 1, "\(directory)/stdout", flags, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors ?? "\(directory)/stderr", flags, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        #if canImport(Glibc)
            // POSIX_SPAWN_SETSID of spawn.h, which the importer does not show.
            let session = isDetached ? Int32(0x80) : 0
        #else
            let session = isDetached ? Int32(POSIX_SPAWN_SETSID) : 0
        #endif
        posix_spawnattr_setflags(&attributes, Int16(session))
        let words = ([executable] + arguments).map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + variables { free(text) } }
        var processID: pid_t = 0
        let code = posix_spawn(&processID, executable, &actions, &attributes, words, variables)
        precondition(code == 0, "\(executable) cannot be started: \(String(cString: strerror(code)))")
        return processID
    }
}

/// What went wrong in a test's surroundings.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
