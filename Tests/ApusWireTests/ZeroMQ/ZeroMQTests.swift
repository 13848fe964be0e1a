import ApusCore
import ApusTestSupport
import CZeroMQ
import Testing

@testable import ApusWire

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct ZeroMQTests {
    private let temporary = TemporaryDirectory()
    private let directory: RuntimeDirectory

    init() throws {
        directory = try RuntimeDirectory(path: temporary.path)
    }

    private func inbox(wake: WakeSignal? = nil) throws -> ZeroMQInbox<FrontToScheduler> {
        try ZeroMQInbox(.scheduler, in: directory, context: ZeroMQContext(), wake: wake)
    }

    private func outbox(highWaterMark: Int = 1000) throws -> ZeroMQOutbox<FrontToScheduler> {
        try ZeroMQOutbox(
            to: .scheduler, in: directory, context: ZeroMQContext(), highWaterMark: highWaterMark)
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        #expect(lstat(path, &status) == 0)
        return status.st_mode & 0o777
    }

    @Test func socketsAreOurs() throws {
        let inbox = try inbox()
        #expect(mode(directory.path) == 0o700)
        #expect(mode(directory.socketPath(of: .scheduler)) == 0o600)
        withExtendedLifetime(inbox) {}
    }

    @Test func aSecondProcessOfARoleIsRefusedAndTheFirstGoesOn() throws {
        let first = try inbox()
        #expect(throws: WireError.inUse("\(temporary.path)/scheduler.lock")) { try inbox() }
        let outbox = try outbox()
        #expect(outbox.send(.state(call: 1)))
        #expect(first.receive(timeout: 10) == .state(call: 1))
    }

    @Test func aSocketLeftBehindIsReplaced() throws {
        // What a killed process leaves: a socket file that nobody listens on, and a lock file that nobody holds.
        let path = directory.socketPath(of: .scheduler)
        let stale = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(stale, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        close(stale)
        temporary.write([], to: "scheduler.lock")

        let inbox = try inbox()
        let outbox = try outbox()
        #expect(outbox.send(.state(call: 1)))
        #expect(inbox.receive(timeout: 10) == .state(call: 1))
    }

    @Test func bothEndsCanBeRestarted() throws {
        var inbox: ZeroMQInbox<FrontToScheduler>? = try inbox()
        var outbox = try outbox()
        #expect(outbox.send(.state(call: 1)))
        #expect(inbox?.receive(timeout: 10) == .state(call: 1))

        inbox = nil
        inbox = try self.inbox()
        // A message may be lost with the old connection: the ring repeats what matters. Later ones arrive.
        var call: UInt64 = 1
        var received: FrontToScheduler?
        while received == nil, call < 1000 {
            call += 1
            #expect(outbox.send(.state(call: call)))
            received = inbox?.receive(timeout: 0.05)
        }
        #expect(received != nil)
        while inbox?.receive(timeout: 0.1) != nil {}

        outbox = try self.outbox()
        #expect(outbox.send(.hello(frontEpoch: 2)))
        #expect(inbox?.receive(timeout: 10) == .hello(frontEpoch: 2))
    }

    @Test func messagesWaitForARoleThatIsNotThereYet() throws {
        let outbox = try outbox(highWaterMark: 10)
        for call in 0..<10 { #expect(outbox.send(.state(call: UInt64(call)))) }
        #expect(!outbox.send(.state(call: 10)))
        let inbox = try inbox()
        for call in 0..<10 { #expect(inbox.receive(timeout: 10) == .state(call: UInt64(call))) }
    }

    @Test func garbageIsCountedAndSkipped() throws {
        let inbox = try inbox()
        let context = try #require(zmq_ctx_new())
        let stranger = try #require(zmq_socket(context, ZMQ_PUSH))
        #expect(zmq_connect(stranger, directory.address(of: .scheduler)) == 0)
        var random = SeededRandom(seed: 9)
        var old = FrontToScheduler.state(call: 1).encoded()
        old[4] = 0
        let garbage = [[], old, SchedulerToDetokenizer.hello(schedulerEpoch: 1).encoded(), random.bytes(count: 5000)]
        for frame in garbage { #expect(zmq_send(stranger, frame, frame.count, 0) == frame.count) }
        // Frames in several parts are none of ours either.
        #expect(zmq_send(stranger, old, old.count, ZMQ_SNDMORE) == old.count)
        #expect(zmq_send(stranger, old, old.count, 0) == old.count)
        let good = FrontToScheduler.state(call: 2).encoded()
        #expect(zmq_send(stranger, good, good.count, 0) == good.count)

        #expect(inbox.receive(timeout: 10) == .state(call: 2))
        #expect(inbox.rejectedCount == 6)
        #expect(inbox.lastRejection == .version(0))
        zmq_close(stranger)
        zmq_ctx_term(context)
    }

    @Test func anOversizedFrameNeverArrivesAndTheInboxLivesOn() throws {
        let inbox = try inbox()
        let context = try #require(zmq_ctx_new())
        let stranger = try #require(zmq_socket(context, ZMQ_PUSH))
        var linger: Int32 = 0
        zmq_setsockopt(stranger, ZMQ_LINGER, &linger, 4)
        #expect(zmq_connect(stranger, directory.address(of: .scheduler)) == 0)
        let frame = [UInt8](repeating: 0, count: WireFormat.maximumFrameByteCount + 1)
        #expect(zmq_send(stranger, frame, frame.count, 0) == frame.count)
        let outbox = try outbox()
        #expect(outbox.send(.state(call: 1)))
        #expect(inbox.receive(timeout: 10) == .state(call: 1))
        #expect(inbox.receive(timeout: 0.05) == nil)
        #expect(inbox.rejectedCount == 0)
        zmq_close(stranger)
        zmq_ctx_term(context)
    }

    @Test func aBatchLargerThanAFrameIsSplit() throws {
        let directory = directory
        let inbox = try ZeroMQInbox<SchedulerToDetokenizer>(.detokenizer, in: directory, context: ZeroMQContext())
        let outbox = try ZeroMQOutbox<SchedulerToDetokenizer>(
            to: .detokenizer, in: directory, context: ZeroMQContext())
        let ids = [Int32](repeating: 7, count: 12_000_000)
        let updates = (0..<3).map {
            TokenUpdate(
                rid: String($0), opening: nil, start: 0, ids: ids, usage: Usage(promptTokens: 1), timing: Timing())
        }
        #expect(outbox.send(.tokens(updates)))
        var received: [TokenUpdate] = []
        while received.count < 3, case .tokens(let part)? = inbox.receive(timeout: 20) { received += part }
        #expect(received == updates)
    }

    @Test func aWatchedDescriptorEndsAWait() throws {
        let inbox = try inbox()
        let signal = try WakeSignal()
        inbox.watch(signal.descriptor)
        signal.wake()
        let start = Clocks.monotonic()
        #expect(inbox.receive(timeout: 600) == nil)
        #expect(Clocks.monotonic() - start < 300)
        inbox.unwatch(signal.descriptor)
        #expect(inbox.receive(timeout: 0.02) == nil)
    }

    @Test func errorsNameTheCallAndTheReason() throws {
        let description = "\(WireError.failed(call: "zmq_bind", subject: "ipc:///x", code: EACCES))"
        #expect(description == "zmq_bind(ipc:///x): Permission denied (errno 13)")
    }
}
