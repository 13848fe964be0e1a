import ApusCore
import ApusObserve
import ApusTestSupport
import Logging
import Synchronization
import Testing

@testable import ApusSupervisor

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The loop over real processes, shell scripts in place of roles.
struct SupervisorTests {
    @Test
    func `datagrams become events`() {
        #expect(NotifySocket.events(in: "READY=1\nX_APUS_ROLE=front\n") == [.ready(.front)])
        #expect(
            NotifySocket.events(in: "X_APUS_ROLE=scheduler\nSTATUS=loading 3=4\nWATCHDOG=1")
                == [.status(.scheduler, "loading 3=4"), .alive(.scheduler)])
        for text in ["", "READY=1", "READY=1\nX_APUS_ROLE=nobody", "X_APUS_ROLE=front\nREADY=0\nREADY", "\0\n=\n"] {
            #expect(NotifySocket.events(in: text).isEmpty)
        }
    }

    @Test
    func `a notification reaches the socket`() throws {
        let directory = TemporaryDirectory()
        let socket = try NotifySocket(path: "\(directory.path)/notify.sock")
        let notify = Notify(role: "detokenizer", environment: ["NOTIFY_SOCKET": socket.path])
        notify.ready()
        notify.status("two\nlines")
        notify.alive()
        #expect(
            socket.receive() == [.ready(.detokenizer), .status(.detokenizer, "two lines"), .alive(.detokenizer)])
        Notify(role: "front", environment: [:]).ready()
        Notify(role: "front", environment: ["NOTIFY_SOCKET": "/nonexistent/socket"]).ready()
        #expect(socket.receive().isEmpty)
    }

    @Test
    func `a child is started in its own group with its arguments, and reaped`() throws {
        let directory = TemporaryDirectory()
        let lifeline = try Lifeline()
        let plan = ProcessPlan(executable: "/bin/sh", environment: ["WORD": "yes"]) { role in
            ["-c", "echo $WORD $0 $(ps -o pgid= -p $$) $$ > \(directory.path)/out; exit 7", role.rawValue]
        }
        let child = try ChildProcess(.scheduler, plan: plan, lifeline: lifeline.childEnd)
        #expect(Self.wait(for: child) == .code(7))
        let words = Self.text(of: "\(directory.path)/out").split(whereSeparator: \.isWhitespace).map(String.init)
        #expect(words.prefix(2) == ["yes", "scheduler"])
        #expect(words[2] == words[3])
    }

    @Test
    func `a child sees the end of its parent on the lifeline`() throws {
        let directory = TemporaryDirectory()
        // `read` returns when the other end closes.
        let plan = ProcessPlan(executable: "/bin/sh", environment: [:]) { _ in
            ["-c", "read line <&3; echo ended > \(directory.path)/out"]
        }
        let child = try Self.startAndDropLifeline(plan)
        #expect(Self.wait(for: child) == .code(0))
        #expect(Self.text(of: "\(directory.path)/out") == "ended\n")
    }

    private static func startAndDropLifeline(_ plan: ProcessPlan) throws -> ChildProcess {
        let lifeline = try Lifeline()
        return try ChildProcess(.front, plan: plan, lifeline: lifeline.childEnd)
    }

    @Test
    func `an executable that is not there`() throws {
        let lifeline = try Lifeline()
        let plan = ProcessPlan(executable: "/nonexistent/apus", environment: [:]) { _ in [] }
        #expect(throws: SupervisorError(call: "posix_spawn", subject: "/nonexistent/apus", code: ENOENT)) {
            _ = try ChildProcess(.front, plan: plan, lifeline: lifeline.childEnd)
        }
    }

    @Test
    func `killing takes the whole group`() throws {
        let directory = TemporaryDirectory()
        let lifeline = try Lifeline()
        let plan = ProcessPlan(executable: "/bin/sh", environment: [:]) { _ in
            ["-c", "sleep 100 & echo $! > \(directory.path)/out; wait"]
        }
        let child = try ChildProcess(.front, plan: plan, lifeline: lifeline.childEnd)
        var grandchild: pid_t?
        while grandchild == nil {
            grandchild = pid_t(Self.text(of: "\(directory.path)/out").split(separator: "\n").first ?? "")
            usleep(2000)
        }
        child.killGroup()
        #expect(Self.wait(for: child) == .signal(SIGKILL))
        // It is a child of whoever adopts it now; a zombie still answers kill(0), so its state is looked at.
        let grandchildID = try #require(grandchild)
        while Self.isAlive(grandchildID) { usleep(2000) }
    }

    private static func isAlive(_ processID: pid_t) -> Bool {
        let fields = text(of: "/proc/\(processID)/stat").split(separator: " ")
        return fields.count > 2 && fields[2] != "Z"
    }

    private static func wait(for child: ChildProcess) -> ProcessEnding {
        while true {
            if let status = child.ending() { return status }
            usleep(2000)
        }
    }

    private static func text(of path: String) -> String {
        guard let file = fopen(path, "rb") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        return String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
    }
}
