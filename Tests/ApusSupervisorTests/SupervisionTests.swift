import ApusCore
import ApusSupervisor
import Testing

struct SupervisionTests {
    /// A supervision whose roles are all running, and ready if asked for, at time 0.
    private func begun(ready: Bool) -> Supervision {
        var supervision = Supervision(seed: 1)
        _ = supervision.handle(.begin, at: 0)
        if ready { for role in Role.allCases { _ = supervision.handle(.ready(role), at: 0) } }
        return supervision
    }

    /// Actions without the words for people.
    private func deeds(_ actions: [Supervision.Action]) -> [Supervision.Action] {
        actions.filter {
            switch $0 {
            case .log, .announceStatus: false
            default: true
            }
        }
    }

    @Test
    func `all roles start, and readiness is announced once, when all have it`() {
        var supervision = Supervision(seed: 1)
        #expect(supervision.handle(.begin, at: 0) == [.start(.scheduler), .start(.detokenizer), .start(.front)])
        #expect(supervision.deadline == nil)
        #expect(supervision.handle(.ready(.front), at: 1).isEmpty)
        #expect(supervision.handle(.ready(.front), at: 1).isEmpty)
        #expect(supervision.handle(.ready(.detokenizer), at: 2).isEmpty)
        #expect(supervision.handle(.ready(.scheduler), at: 3) == [.announceReady, .announceStatus("serving")])

        _ = supervision.handle(.exited(.scheduler, .signal(9)), at: 100)
        _ = supervision.handle(.tick, at: 101)
        #expect(supervision.handle(.ready(.scheduler), at: 102) == [.announceStatus("serving")])
    }

    @Test(arguments: Role.allCases)
    func `a role that dies is started again after its delay`(role: Role) throws {
        var supervision = begun(ready: true)
        #expect(deeds(supervision.handle(.exited(role, .signal(9)), at: 20)).isEmpty)
        let due = try #require(supervision.deadline)
        #expect(due > 20 && due <= 20.05)
        #expect(supervision.handle(.tick, at: due - 0.001).isEmpty)
        #expect(supervision.handle(.tick, at: due) == [.start(role)])
        #expect(supervision.deadline == nil)
    }

    @Test
    func `delays grow while a role keeps dying, and start again after a healthy time`() throws {
        var supervision = begun(ready: true)
        var now = 0.0
        var delays: [Double] = []
        for _ in 0..<12 {
            _ = supervision.handle(.exited(.scheduler, .code(1)), at: now)
            let due = try #require(supervision.deadline)
            delays.append(due - now)
            _ = supervision.handle(.tick, at: due)
            _ = supervision.handle(.ready(.scheduler), at: due)
            now = due + 1
        }
        #expect(delays[0] <= 0.05 && delays[11] >= 1.6 && delays.allSatisfy { $0 <= 2 })
        now += 60
        _ = supervision.handle(.exited(.scheduler, .code(1)), at: now)
        #expect(try #require(supervision.deadline) - now <= 0.051)
    }

    @Test(arguments: [ProcessEnding.code(2), .code(78)])
    func `a configuration error ends everything with its code and without a word`(status: ProcessEnding) {
        var supervision = begun(ready: false)
        #expect(supervision.handle(.exited(.scheduler, status), at: 0.1) == [.kill(.front), .kill(.detokenizer)])
        #expect(supervision.handle(.exited(.front, .signal(9)), at: 0.1).isEmpty)
        #expect(supervision.handle(.exited(.detokenizer, .signal(9)), at: 0.1) == [.exit(status.shellCode)])
        #expect(supervision.handle(.tick, at: 9).isEmpty)
    }

    @Test func `what a role misses that has served may come back`() {
        var supervision = begun(ready: true)
        #expect(deeds(supervision.handle(.exited(.scheduler, .code(78)), at: 1)).isEmpty)
        #expect(supervision.handle(.tick, at: 9) == [.start(.scheduler)])
        #expect(deeds(supervision.handle(.exited(.scheduler, .code(78)), at: 10)).isEmpty)
        #expect(supervision.handle(.tick, at: 19) == [.start(.scheduler)])
    }

    @Test(arguments: [(ProcessEnding.code(1), 1 as Int32), (.code(7), 7), (.signal(9), 137), (.code(0), 1)])
    func `deaths before the first readiness are limited`(status: ProcessEnding, code: Int32) throws {
        var supervision = begun(ready: false)
        for _ in 0..<2 {
            #expect(deeds(supervision.handle(.exited(.scheduler, status), at: 0)).isEmpty)
            #expect(supervision.handle(.tick, at: 5) == [.start(.scheduler)])
        }
        let last = supervision.handle(.exited(.scheduler, status), at: 6)
        #expect(deeds(last) == [.kill(.front), .kill(.detokenizer)])
        #expect(last.first == .log(.error, "scheduler ended 3 times at start-up (\(status))"))
        _ = supervision.handle(.exited(.front, .signal(9)), at: 6)
        #expect(supervision.handle(.exited(.detokenizer, .signal(9)), at: 6) == [.exit(code)])
    }

    @Test
    func `a role that was ready once may die as often as it likes`() {
        var supervision = begun(ready: true)
        for time in 1...50 {
            _ = supervision.handle(.exited(.detokenizer, .signal(11)), at: Double(time) * 10)
            #expect(supervision.handle(.tick, at: Double(time) * 10 + 5) == [.start(.detokenizer)])
        }
    }

    @Test
    func `the end begins with the front`() {
        var supervision = begun(ready: true)
        #expect(deeds(supervision.handle(.terminate, at: 1)) == [.announceStopping, .terminate(.front)])
        #expect(supervision.deadline == 66)
        #expect(
            deeds(supervision.handle(.exited(.front, .code(0)), at: 5))
                == [.terminate(.scheduler), .terminate(.detokenizer)])
        #expect(supervision.deadline == 15)
        #expect(supervision.handle(.exited(.scheduler, .code(0)), at: 6).isEmpty)
        #expect(supervision.handle(.exited(.detokenizer, .code(0)), at: 6) == [.exit(0)])
    }

    @Test
    func `a second signal kills at once`() {
        for first in [false, true] {
            var supervision = begun(ready: true)
            _ = supervision.handle(.terminate, at: 1)
            if first { _ = supervision.handle(.exited(.front, .code(0)), at: 2) }
            let kills = deeds(supervision.handle(.terminate, at: 3))
            #expect(kills == (first ? [] : [.kill(.front)]) + [.kill(.scheduler), .kill(.detokenizer)])
            if !first { _ = supervision.handle(.exited(.front, .signal(9)), at: 3) }
            _ = supervision.handle(.exited(.scheduler, .signal(9)), at: 3)
            #expect(supervision.handle(.exited(.detokenizer, .signal(9)), at: 3) == [.exit(0)])
        }
    }

    @Test
    func `who does not end in time is killed`() {
        var supervision = begun(ready: true)
        _ = supervision.handle(.terminate, at: 0)
        #expect(
            deeds(supervision.handle(.tick, at: 65))
                == [.kill(.front), .terminate(.scheduler), .terminate(.detokenizer)])
        #expect(supervision.handle(.exited(.front, .signal(9)), at: 65).isEmpty)
        #expect(supervision.handle(.exited(.detokenizer, .code(0)), at: 66).isEmpty)
        #expect(supervision.handle(.tick, at: 75) == [.kill(.scheduler)])
        #expect(supervision.handle(.exited(.scheduler, .signal(9)), at: 75) == [.exit(0)])
    }

    @Test
    func `nothing is started again once the end has begun`() {
        var supervision = begun(ready: true)
        _ = supervision.handle(.exited(.scheduler, .signal(9)), at: 1)
        _ = supervision.handle(.terminate, at: 1)
        #expect(supervision.handle(.tick, at: 10).isEmpty)
        #expect(deeds(supervision.handle(.exited(.detokenizer, .signal(9)), at: 11)).isEmpty)
        #expect(supervision.handle(.exited(.front, .code(0)), at: 12) == [.exit(0)])
    }

    @Test
    func `the end while the front waits for its restart`() {
        var supervision = begun(ready: true)
        _ = supervision.handle(.exited(.front, .signal(9)), at: 1)
        #expect(
            deeds(supervision.handle(.terminate, at: 1))
                == [.announceStopping, .terminate(.scheduler), .terminate(.detokenizer)])
    }

    @Test
    func `a role that stops giving signs of life is killed, and only then`() {
        var supervision = begun(ready: true)
        #expect(supervision.handle(.tick, at: 10_000).isEmpty)
        _ = supervision.handle(.alive(.scheduler), at: 10_000)
        _ = supervision.handle(.alive(.scheduler), at: 10_100)
        #expect(supervision.deadline == 10_400)
        #expect(supervision.handle(.tick, at: 10_399).isEmpty)
        #expect(deeds(supervision.handle(.tick, at: 10_400)) == [.kill(.scheduler)])
        #expect(supervision.handle(.tick, at: 10_500).isEmpty)
        _ = supervision.handle(.exited(.scheduler, .signal(9)), at: 10_500)
        #expect(supervision.handle(.tick, at: 10_510) == [.start(.scheduler)])
    }

    @Test
    func `the soft watchdog complains once a silence`() {
        var timing = Supervision.Timing()
        timing.softWatchdogTimeout = 10
        var supervision = Supervision(timing: timing, seed: 1)
        _ = supervision.handle(.begin, at: 0)
        for start in [0.0, 100] {
            _ = supervision.handle(.alive(.scheduler), at: start)
            #expect(supervision.deadline == start + 10)
            #expect(supervision.handle(.tick, at: start + 9).isEmpty)
            let complaint = "scheduler has made no progress for 10 s (--soft-watchdog-timeout)"
            #expect(supervision.handle(.tick, at: start + 10) == [.log(.warning, complaint)])
            #expect(supervision.handle(.tick, at: start + 20).isEmpty)
            #expect(supervision.deadline == start + 300)
        }
    }

    /// Whatever happens in whatever order: no role runs twice, and after the end nothing is done.
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `random lives`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var supervision = Supervision(seed: seed)
        var running: Set<Role> = []
        var code: Int32?
        var now = 0.0
        var events: [Supervision.Event] = [.begin]
        for step in 0..<400 {
            now += Double.random(in: 0...20, using: &random)
            let event = events.popLast() ?? randomEvent(running: running, step: step, using: &random)
            if case .exited(let role, _) = event { running.remove(role) }
            let wasOver = code != nil
            for action in supervision.handle(event, at: now) {
                #expect(!wasOver, "seed \(seed)")
                switch action {
                case .start(let role): #expect(running.insert(role).inserted, "seed \(seed)")
                case .kill(let role):
                    if running.contains(role) { events.append(.exited(role, .signal(9))) }
                case .exit(let value):
                    #expect(running.isEmpty, "seed \(seed)")
                    code = value
                default: break
                }
            }
        }
        // Two requests for the end and time enough: it has come.
        for event in [.terminate, .terminate] as [Supervision.Event] { _ = supervision.handle(event, at: now) }
        for role in running { _ = supervision.handle(.exited(role, .signal(9)), at: now) }
        #expect(supervision.handle(.tick, at: now + 1000).isEmpty, "seed \(seed)")
    }

    private func randomEvent(
        running: Set<Role>, step: Int, using random: inout SplitMix64
    ) -> Supervision.Event {
        let role = Role.allCases.randomElement(using: &random)!
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<30: return .tick
        case 30..<50: return .ready(role)
        case 50..<60: return .alive(role)
        case 60..<61 where step > 100: return .terminate
        case 61..<62 where running.contains(role): return .exited(role, .code(78))
        case 62..<90 where running.contains(role):
            return .exited(role, [.code(0), .code(1), .signal(9), .signal(11)].randomElement(using: &random)!)
        default: return .status(role, "busy")
        }
    }
}
