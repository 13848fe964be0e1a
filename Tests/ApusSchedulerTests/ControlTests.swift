import ApusCore
import ApusWire
import Logging
import Synchronization
import Testing

@testable import ApusScheduler

/// Flush, health, state, heartbeats, log lines, and the loop itself.
@Suite struct ControlTests {
    private func start(_ bench: Bench, _ rid: String = "a", limit: Int = 5) {
        bench.generate(rid, [2, 3, 4, 5, 6, 7], limit: limit) { $0.ignoreEOS = true }
    }

    private func outcomes(_ bench: Bench) -> [UInt64: FlushOutcome] {
        var outcomes: [UInt64: FlushOutcome] = [:]
        for case .flushed(let call, let outcome) in bench.replies { outcomes[call] = outcome }
        return outcomes
    }

    @Test func flushAtRestDropsEveryPrefix() {
        let bench = Bench()
        start(bench)
        bench.runToIdle()
        #expect(bench.scheduler.cache.cachedTokens == 10)
        bench.send(.flushCache(call: 1, timeout: 0))
        bench.step()
        #expect(outcomes(bench) == [1: .flushed])
        #expect(bench.scheduler.cache.freeTokens == bench.scheduler.limits.capacity)
        start(bench, "b")
        bench.runToIdle()
        #expect(bench.streams["b"]?.usage.cachedTokens == 0)
    }

    @Test func flushWhileBusyIsRefusedOrWaits() {
        let bench = Bench()
        start(bench, limit: 20)
        bench.step()
        bench.send(.flushCache(call: 1, timeout: 0))
        bench.send(.flushCache(call: 2, timeout: .nan))
        bench.send(.flushCache(call: 3, timeout: 5))
        bench.send(.flushCache(call: 4, timeout: 5))
        bench.step()
        #expect(outcomes(bench) == [1: .busy, 2: .busy, 4: .alreadyInProgress])
        bench.time.now += 4.9
        bench.step()
        #expect(outcomes(bench)[3] == nil)
        bench.time.now += 0.2
        bench.step()
        #expect(outcomes(bench)[3] == .timedOut)
        bench.send(.flushCache(call: 5, timeout: 5))
        bench.runToIdle()
        #expect(outcomes(bench)[5] == .flushed && bench.scheduler.cache.cachedTokens == 0)
        // Right after the last reply.
        bench.send(.flushCache(call: 6, timeout: 0))
        bench.step()
        #expect(outcomes(bench)[6] == .flushed)
    }

    @Test func healthIsAnsweredAtOnceAndIsNoRequest() {
        let bench = Bench()
        bench.generate("HEALTH_CHECK_1", [0], isHealthCheck: true)
        bench.step()
        start(bench)
        bench.generate("HEALTH_CHECK_2", [0], isHealthCheck: true)
        bench.step()
        #expect(bench.replies.contains(.healthy(rid: "HEALTH_CHECK_1")))
        #expect(bench.replies.contains(.healthy(rid: "HEALTH_CHECK_2")))
        bench.runToIdle()
        #expect(Array(bench.streams.keys) == ["a"] && bench.worker.steps == 5)
    }

    @Test func stateTellsTheAccounts() throws {
        let bench = Bench()
        start(bench, limit: 5)
        bench.step()
        bench.send(.state(call: 9))
        bench.step()
        let state = bench.replies.lazy.compactMap { reply -> SchedulerState? in
            if case .state(9, let state) = reply { state } else { nil }
        }.first
        let load = try #require(state?.load)
        #expect(load.running == 1 && load.queued == 0 && load.cachedTokens == 6 && load.heldTokens == 0)
        #expect(load.freeTokens + load.cachedTokens + load.heldTokens == bench.scheduler.limits.capacity)
        #expect(state?.details.contains(#""token_capacity":4096"#) == true)
    }

    @Test func heartbeatsComeInTimeAndAtEveryTurn() {
        let bench = Bench()
        func beats() -> [Bool] {
            bench.front.drain().compactMap { if case .heartbeat(let beat, _) = $0 { beat.isBusy } else { nil } }
        }
        bench.scheduler.step()
        #expect(beats() == [false])
        bench.scheduler.step()
        #expect(beats() == [])
        bench.time.now += 0.51
        bench.scheduler.step()
        #expect(beats() == [false])
        start(bench, limit: 3)
        for _ in 0..<4 { bench.scheduler.step() }
        #expect(beats() == [true, false])
        #expect(bench.scheduler.statistics.steps == 3)
    }

    @Test func thePulseIsTakenUpWhenTheLoopIsSilent() {
        let bench = Bench()
        bench.scheduler.step()
        let pulse = bench.scheduler.pulse
        #expect(pulse.overdue(interval: 0.25, now: bench.time.now + 0.2) == nil)
        #expect(abs(pulse.patience(interval: 0.25, now: bench.time.now + 0.2) - 0.05) < 1e-6)
        #expect(pulse.patience(interval: 0.25, now: bench.time.now + 0.3) == 0)
        guard case .heartbeat(let beat, _)? = pulse.overdue(interval: 0.25, now: bench.time.now + 0.3) else {
            Issue.record("no heartbeat")
            return
        }
        #expect(beat.epoch == 7 && !beat.isBusy)
        #expect(pulse.overdue(interval: 0.25, now: bench.time.now + 0.4) == nil)
        #expect(abs(pulse.patience(interval: 0.25, now: bench.time.now + 0.4) - 0.15) < 1e-6)
        // While a step runs, the pulse says busy.
        var seen = false
        bench.worker.onForward = { _ in
            if case .heartbeat(let beat, let load)? = pulse.overdue(interval: 0, now: 1e9) {
                seen = beat.isBusy && load.heldTokens == 6
            }
        }
        start(bench)
        bench.step()
        #expect(seen)
    }

    @Test func logLinesAreThoseThatToolsParse() {
        let lines = Mutex<[String]>([])
        struct Handler: LogHandler {
            let take: @Sendable (String) -> Void
            var metadata: Logger.Metadata = [:]
            var logLevel = Logger.Level.info
            subscript(metadataKey key: String) -> Logger.Metadata.Value? {
                get { metadata[key] }
                set { metadata[key] = newValue }
            }
            func log(event: LogEvent) { take("\(event.message)") }
        }
        let box = Box(lines)
        let logger = Logger(label: "test") { _ in Handler(take: { line in box.lines.withLock { $0.append(line) } }) }
        let bench = Bench(worker: FakeWorker(slotCount: 100), logger: logger) { $0.decodeLogInterval = 4 }
        bench.worker.onForward = { [time = bench.time] _ in time.now += 0.5 }
        start(bench, limit: 9)
        bench.runToIdle()
        #expect(
            box.lines.withLock { $0 } == [
                "Prefill batch, #new-seq: 1, #new-token: 6, #cached-token: 0, token usage: 0.06, #running-req: 0, "
                    + "#queue-req: 0",
                "Decode batch, #running-req: 1, #token: 10, token usage: 0.10, gen throughput (token/s): 2.00, "
                    + "#queue-req: 0",
                "Decode batch, #running-req: 0, #token: 0, token usage: 0.00, gen throughput (token/s): 2.00, "
                    + "#queue-req: 0",
            ])
    }

    private final class Box: Sendable {
        let lines: Mutex<[String]>
        init(_ lines: consuming Mutex<[String]>) { self.lines = lines }
    }

    @Test func numbersAreWrittenWithTheirDigits() {
        #expect(
            [0, 0.005, 0.994, 12.345, 1e9].map { fixed($0, 2) } == ["0.00", "0.01", "0.99", "12.35", "1000000000.00"])
        #expect(fixed(0.5, 4) == "0.5000")
    }

    @Test func idleTheLoopWaitsAndBehindItHurries() {
        let bench = Bench()
        var turns = 0
        bench.scheduler.run {
            turns += 1
            if turns == 3 { bench.detokenizer.isFull = { true } }
            if turns == 3 { start(bench, limit: 2) }
            return turns > 6
        }
        #expect(bench.front.messages.first == .ready(bench.scheduler.ready))
        // Two quiet turns, then two steps of work, then the turns in which the detokenizer takes nothing.
        #expect(bench.inbox.waits == [0.5, 0.5, 0.005, 0.005])
    }

    @Test func servesOverLinksBetweenThreads() throws {
        let requests = try InMemoryLink<FrontToScheduler>()
        let tokens = try InMemoryLink<SchedulerToDetokenizer>()
        let replies = try InMemoryLink<ToFront>(capacity: 10_000)
        let wake = try WakeSignal()
        let isOver = Mutex(false)
        let over = Flag(isOver)
        let thread = NamedThread("test-scheduler") {
            let scheduler = Scheduler(
                configuration: SchedulerConfiguration(epoch: 3, processID: 9), worker: FakeWorker(),
                inbox: requests.inbox(wake: wake), detokenizer: tokens.outbox(),
                front: replies.outbox(ToFront.scheduler), logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() })
            scheduler.run { over.value.withLock { $0 } }
        }
        let outbox = requests.outbox()
        var sampling = SamplingParameters()
        sampling.maxNewTokens = 20
        sampling.ignoreEOS = true
        sampling.seed = 0
        for index in 0..<20 {
            let request = GenerateRequest(
                rid: "r\(index)", schedulerEpoch: 3, inputIDs: [Int32(index + 2), 5], sampling: sampling, stream: true)
            #expect(outbox.send(.generate(request)))
        }
        let inbox = tokens.inbox()
        var outputs: [String: [Int32]] = [:]
        var finished = 0
        while finished < 20, let message = inbox.receive(timeout: 20) {
            guard case .tokens(let updates) = message else { continue }
            for update in updates {
                #expect(outputs[update.rid, default: []].count == update.start)
                outputs[update.rid, default: []] += update.ids
                if update.finish != nil { finished += 1 }
            }
        }
        over.value.withLock { $0 = true }
        wake.wake()
        thread.join()
        let worker = FakeWorker()
        for index in 0..<20 {
            let expected = worker.reference([Int32(index + 2), 5], seed: 0, limit: 20) { _ in false }.output
            #expect(outputs["r\(index)"] == expected)
        }
    }

    private final class Flag: Sendable {
        let value: Mutex<Bool>
        init(_ value: consuming Mutex<Bool>) { self.value = value }
    }

    @Test func theHeartbeatThreadSpeaksForASilentLoopAndEndsWhenTold() throws {
        let link = try InMemoryLink<SchedulerToFront>()
        let thread = try HeartbeatThread(pulse: Pulse(epoch: 5, processID: 2), interval: 0.01) { link.outbox() }
        guard case .heartbeat(let beat, _)? = link.inbox().receive(timeout: 20) else {
            Issue.record("no heartbeat")
            return
        }
        #expect(beat.epoch == 5 && beat.processID == 2)
        thread.finish()
        while link.inbox().receive(timeout: 0) != nil {}
        #expect(link.inbox().receive(timeout: 0) == nil)
    }
}
