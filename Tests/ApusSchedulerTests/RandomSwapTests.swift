import ApusCore
import ApusTestSupport
import ApusWire
import Synchronization
import Testing

@testable import ApusScheduler

/// Weights change at random moments while requests come, run, are aborted, retracted or frozen: each token is what the
/// weights of its span make after the tokens before it; without pauses each output has one span; none is lost.
@Suite struct RandomSwapTests {
    @Test(arguments: 1...24)
    func everyTokenIsOfTheWeightsThatItsSpanNames(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let library = FakeLibrary()
        let pausing = seed % 2 == 0
        let bench = Bench(
            worker: FakeWorker(slotCount: Int.random(in: 80...300, using: &random), contextLength: 90),
            library: library
        ) {
            $0.pageSize = [1, 1, 4].randomElement(using: &random) ?? 1
            $0.chunkedPrefillSize = [nil, 8, 64].randomElement(using: &random) ?? nil
            $0.clipMaxNewTokensEstimation = [1, 4096].randomElement(using: &random) ?? 1
            $0.disableRadixCache = seed % 5 == 0
            $0.weightVersion = "1"
        }
        let family = (0..<40).map { _ in Int32.random(in: 2..<60, using: &random) }
        var prompts: [String: [Int32]] = [:]
        var aborted: Set<String> = []
        var calls: UInt64 = 0

        func control(_ control: ControlCall) {
            calls += 1
            bench.send(.control(call: calls, control))
        }
        func ask() {
            let rid = "r\(prompts.count)"
            let own = (0..<Int.random(in: 1...4, using: &random)).map { _ in Int32.random(in: 2..<60, using: &random) }
            prompts[rid] = family.prefix(Int.random(in: 0...40, using: &random)) + own
            bench.generate(rid, prompts[rid] ?? [], limit: Int.random(in: 1...30, using: &random)) {
                $0.ignoreEOS = true
            }
        }
        for turn in 0..<250 {
            if prompts.count < 70, Int.random(in: 0..<3, using: &random) == 0 { ask() }
            switch Int.random(in: 0..<20, using: &random) {
            case 0, 1:
                let salt = turn + 2
                control(
                    .updateWeights(
                        WeightUpdate(path: "w\(salt)", version: "\(salt)", flushesCache: Bool.random(using: &random))))
            case 2:
                let path = ["torn\(turn + 2)", "misfit", "nosuch"].randomElement(using: &random) ?? ""
                control(.updateWeights(WeightUpdate(path: path, version: "bad")))
            case 3: library.state.withLock { $0.hasRoom = Bool.random(using: &random) }
            case 4 where pausing: control(.pause(Bool.random(using: &random) ? .retract : .inPlace))
            case 5 where pausing, 6 where pausing: control(.proceed)
            case 7:
                if let rid = prompts.keys.sorted().randomElement(using: &random) {
                    aborted.insert(rid)
                    bench.send(.abort(.request(rid: rid)))
                }
            case 8: bench.send(.resend(rids: Array(prompts.keys.sorted().prefix(9))))
            case 9...13: bench.jobs.runOne()
            default: break
            }
            bench.step()
        }
        control(.proceed)
        var rest = 0
        while !bench.scheduler.isIdle || !bench.scheduler.weightWork.items.isEmpty || !bench.inbox.messages.isEmpty {
            bench.step()
            bench.jobs.runOne()
            rest += 1
            precondition(rest < 20_000, "the scheduler does not come to rest")
        }
        bench.step()

        for (rid, prompt) in prompts {
            guard bench.ended[rid] == nil else {
                #expect(aborted.contains(rid) && bench.streams[rid] == nil)
                continue
            }
            guard let stream = bench.streams[rid], stream.endings == 1 else {
                Issue.record("\(rid) has no ending")
                continue
            }
            #expect(stream.finish == .length(stream.ids.count) || aborted.contains(rid), "\(rid)")
            check(rid, prompt, stream, bench.worker)
            if !pausing { #expect(stream.usage.weights.count <= 1, "\(rid)") }
        }
        var answered: [UInt64] = []
        for case .controlled(let call, _) in bench.replies { answered.append(call) }
        #expect(answered.sorted() == (calls == 0 ? [] : Array(1...calls)))
        #expect(bench.isPoolWhole && bench.worker.salts.count == 1)
        #expect(
            bench.scheduler.cache.tree.roots.keys.allSatisfy { $0.generation == bench.scheduler.generations.current })
    }

    private func check(_ rid: String, _ prompt: [Int32], _ stream: Bench.Stream, _ worker: FakeWorker) {
        let spans = stream.usage.weights
        #expect(spans.first?.start == 0 || stream.ids.isEmpty, "\(rid)")
        for (index, span) in spans.enumerated() {
            let end = index + 1 < spans.count ? spans[index + 1].start : stream.ids.count
            let expected = worker.reference(
                prompt + stream.ids[..<span.start], seed: 0, limit: end - span.start, salt: UInt64(span.version) ?? 0
            ) { _ in false }
            #expect(Array(stream.ids[span.start..<end]) == expected.output, "\(rid), span \(index) of \(spans)")
        }
    }
}
