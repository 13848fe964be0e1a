import ApusCore
import ApusTestSupport
import ApusWire
import Testing

@testable import ApusScheduler

/// Whatever is asked, in whatever order, of whatever pool: each request makes the tokens that it would make alone, has
/// exactly one ending, and the pool is whole in the end. `Bench.step` checks the invariants after every step.
@Suite struct RandomScheduleTests {
    @Test(arguments: 1...40)
    func everyScheduleGivesTheSameOutputs(seed: Int) {
        var run = Run(seed: UInt64(seed))
        run.play()
        run.judge()
    }

    private struct Asked {
        var prompt: [Int32]
        var sampling: SamplingParameters
        var logprobs: LogprobRequest?
        var hidden: HiddenRequest?
        var isAborted = false
        var isReleased = false
    }

    private struct Run {
        var random: SeededRandom
        let bench: Bench
        var asked: [String: Asked] = [:]
        let families: [[Int32]]
        /// What each request told before it was released.
        var results: [String: Bench.Stream] = [:]

        init(seed: UInt64) {
            var random = SeededRandom(seed: seed)
            let pageSize = [1, 1, 2, 4, 16].randomElement(using: &random) ?? 1
            let worker = FakeWorker(
                slotCount: Int.random(in: 60...240, using: &random),
                contextLength: Int.random(in: 50...100, using: &random),
                vocabularySize: 40)
            if seed % 4 == 0 { worker.nanEvery = 60 }
            bench = Bench(worker: worker) {
                $0.pageSize = pageSize
                $0.chunkedPrefillSize = [nil, pageSize, 4 * pageSize, 64].randomElement(using: &random) ?? nil
                $0.policy = SchedulePolicy.allCases.randomElement(using: &random) ?? .fcfs
                $0.disableRadixCache = Int.random(in: 0..<5, using: &random) == 0
                $0.maxRunningRequests = [2, 8, nil, nil].randomElement(using: &random) ?? nil
                $0.prefillMaxRequests = [1, nil, nil].randomElement(using: &random) ?? nil
                $0.maxPrefillTokens = 30
                $0.conservativeness = [0, 0, 0.3, 1].randomElement(using: &random) ?? 1
                $0.newTokenRatioDecaySteps = 20
                // Far too little, often: the pool then runs out and requests are retracted.
                $0.clipMaxNewTokensEstimation = [1, 4096].randomElement(using: &random) ?? 1
                $0.mixedStallSeconds = 0.01
                $0.inBatchDeprioritizeThreshold = [4, 32].randomElement(using: &random) ?? 4
                $0.forceStreamInterval = 5
                $0.randomSeed = seed
            }
            families = (0..<4).map { _ in (0..<60).map { _ in Int32.random(in: 2..<40, using: &random) } }
            self.random = random
        }

        mutating func play() {
            let time = bench.time
            var clock = SeededRandom(seed: random.seed)
            bench.worker.onForward = { _ in time.now += Double.random(in: 0...0.02, using: &clock) }
            for turn in 0..<160 {
                for _ in 0..<Int.random(in: 0...2, using: &random) where asked.count < 60 { ask("r\(asked.count)") }
                disturb()
                bench.step()
                if turn % 8 == 0 { time.now += 0.05 }
            }
            bench.detokenizer.isFull = { false }
            bench.front.isFull = { false }
            bench.runToIdle()
        }

        private mutating func ask(_ rid: String) {
            let longest = bench.scheduler.limits.longestInput - 1
            let family = families.randomElement(using: &random) ?? []
            let shared = Int.random(in: 0...min(longest - 1, 40), using: &random)
            let own = Int.random(in: 1...min(longest - shared, 10), using: &random)
            let prompt = family.prefix(shared) + (0..<own).map { _ in Int32.random(in: 2..<40, using: &random) }
            var request = Asked(prompt: Array(prompt), sampling: SamplingParameters())
            request.sampling.maxNewTokens = [0, 1, 8, 20, 40, nil].randomElement(using: &random) ?? nil
            request.sampling.seed = Int64.random(in: 0..<3, using: &random)
            request.sampling.ignoreEOS = Int.random(in: 0..<4, using: &random) == 0
            request.sampling.stopTokenIDs = Bool.random(using: &random) ? [7, 999] : []
            request.sampling.stopStrings = Bool.random(using: &random) ? ["x"] : []
            if Int.random(in: 0..<3, using: &random) == 0 {
                request.logprobs = LogprobRequest(
                    promptStart: Bool.random(using: &random) ? Int.random(in: 0...prompt.count, using: &random) : nil,
                    topCount: 2, tokenIDs: [3])
            }
            if Int.random(in: 0..<3, using: &random) == 0 {
                request.hidden = HiddenRequest.allCases.randomElement(using: &random)
            }
            asked[rid] = request
            bench.send(
                .generate(
                    GenerateRequest(
                        rid: rid, schedulerEpoch: 7, inputIDs: request.prompt, sampling: request.sampling,
                        stream: Bool.random(using: &random), streamInterval: Int.random(in: 1...4, using: &random),
                        logprobs: request.logprobs, hidden: request.hidden,
                        cacheNamespace: ["", "", "other"].randomElement(using: &random) ?? "")))
        }

        private mutating func disturb() {
            switch Int.random(in: 0..<24, using: &random) {
            case 0, 1:
                guard let rid = asked.keys.sorted().randomElement(using: &random) else { return }
                asked[rid]?.isAborted = true
                bench.send(.abort(.request(rid: rid)))
            case 2: bench.send(.flushCache(call: 1, timeout: Double.random(in: -1...1, using: &random)))
            case 3: bench.send(.resend(rids: Array(asked.keys.sorted().prefix(20)) + ["nobody"]))
            case 4:
                bench.forgetStreams()
                bench.send(.detokenizerStarted(epoch: 1))
            case 5: bench.detokenizer.isFull = { true }
            case 6: bench.front.isFull = { true }
            case 7, 8:
                bench.detokenizer.isFull = { false }
                bench.front.isFull = { false }
            case 9, 10:
                // The front releases only what it has seen the end of.
                let done = asked.keys.sorted().filter {
                    asked[$0]?.isReleased == false && bench.streams[$0]?.finish != nil
                }
                for rid in done {
                    asked[rid]?.isReleased = true
                    results[rid] = bench.streams[rid]
                }
                bench.send(.release(rids: done))
            default: return
            }
        }

        func judge() {
            for (rid, request) in asked {
                let stream = results[rid] ?? bench.streams[rid]
                if let finish = bench.ended[rid] {
                    #expect(stream == nil && request.isAborted, "\(rid) ended twice: \(finish)")
                    #expect(finish == .abort(message: "Abort in waiting queue", status: nil, kind: nil))
                    continue
                }
                guard let stream, let finish = stream.finish else {
                    Issue.record("\(rid) has no ending")
                    continue
                }
                #expect(stream.endings == 1)
                compare(rid, request, stream, finish)
            }
            #expect(bench.isPoolWhole)
            bench.send(.release(rids: Array(asked.keys)))
            bench.send(.flushCache(call: 2, timeout: 0))
            bench.step()
            #expect(bench.replies.contains(.flushed(call: 2, outcome: .flushed)))
            #expect(bench.scheduler.requests.isEmpty && bench.scheduler.ledger.count == 0)
            #expect(bench.scheduler.cache.freeTokens == bench.scheduler.limits.capacity)
        }

        private func compare(_ rid: String, _ request: Asked, _ stream: Bench.Stream, _ finish: FinishReason) {
            let sampling = request.sampling
            let room = bench.scheduler.limits.longestRequest - request.prompt.count - 1
            let limit = min(sampling.maxNewTokens ?? .max, room)
            let ends = Set([1] + sampling.stopTokenIDs)
            let expected = bench.worker.reference(
                request.prompt, seed: UInt64(sampling.seed ?? 0), limit: limit
            ) { !sampling.ignoreEOS && ends.contains($0) }
            if request.isAborted && finish == .aborted {
                #expect(expected.output.starts(with: stream.ids), "\(rid)")
            } else if expected.isNaN {
                #expect(stream.ids == expected.output + [1], "\(rid)")
                #expect(finish == .notANumber, "\(rid)")
            } else {
                #expect(stream.ids == expected.output, "\(rid)")
                let last = expected.output.last ?? 0
                let isStopped = limit > 0 && !sampling.ignoreEOS && ends.contains(last)
                #expect(finish == (isStopped ? .stopToken(last) : .length(limit)), "\(rid)")
            }
            #expect(stream.usage.completionTokens == stream.ids.count)
            compareLogprobs(rid, request, stream, expected)
            compareHidden(rid, request, stream, expected)
        }

        private func compareHidden(
            _ rid: String, _ request: Asked, _ stream: Bench.Stream, _ expected: FakeWorker.Reference
        ) {
            guard let wanted = request.hidden else {
                #expect(stream.hidden.isEmpty && stream.promptHidden.isEmpty)
                return
            }
            let count = request.prompt.count
            #expect(stream.hidden.count == stream.ids.count, "\(rid)")
            // A stop string may have ended it before the worker's last row.
            let outputs = expected.hidden[(count - 1)...]
            switch wanted {
            case .full:
                #expect(zip(stream.hidden, outputs).allSatisfy { $0.numbers == $1 }, "\(rid)")
                guard stream.finish != .aborted else { return }
                #expect(stream.promptHidden.map(\.numbers) == Array(expected.hidden[..<count]), "\(rid)")
            case .last:
                // Those told before have been told; of those told together the last has numbers.
                for (state, numbers) in zip(stream.hidden, outputs) {
                    #expect(state.numbers == numbers || state.numbers.isEmpty, "\(rid)")
                }
                #expect(stream.hidden.last?.numbers.isEmpty != true, "\(rid)")
                guard stream.finish != .aborted else { return }
                #expect(stream.promptHidden.map(\.numbers) == [expected.hidden[count - 1]], "\(rid)")
            }
        }

        private func compareLogprobs(
            _ rid: String, _ request: Asked, _ stream: Bench.Stream, _ expected: FakeWorker.Reference
        ) {
            guard let wanted = request.logprobs else {
                #expect(stream.logprobs.isEmpty && stream.promptLogprobs.isEmpty)
                return
            }
            #expect(stream.logprobs.map(\.token) == stream.ids, "\(rid)")
            for (found, value) in zip(stream.logprobs, expected.logprobs) {
                #expect(found.logprob == value && found.top.count == 2 && found.chosen.map(\.token) == [3], "\(rid)")
            }
            guard let start = wanted.promptStart, start < request.prompt.count, stream.finish != .aborted else {
                return
            }
            #expect(stream.promptLogprobs.map(\.token) == Array(request.prompt[start...]), "\(rid)")
            #expect(stream.promptLogprobs.first?.logprob == nil)
            #expect(stream.promptLogprobs.dropFirst().map(\.logprob) == expected.promptLogprobs[start...].map { $0 })
        }
    }
}
