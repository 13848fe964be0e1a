import ApusCore
import ApusWire
import Testing

@testable import ApusScheduler

/// What the scheduler tells those who watch adds up.
struct FiguresTests {
    private func told(_ bench: Bench) -> SchedulerFigures? {
        bench.send(.state(call: 1))
        bench.step()
        for reply in bench.replies.reversed() {
            if case .state(1, let state) = reply { return state.load.figures }
        }
        return nil
    }

    @Test
    func `tokens are counted where they were made`() throws {
        let bench = Bench(worker: FakeWorker(endTokenIDs: []))
        let prompt = (0..<40).map { Int32($0 % 60) }
        for index in 0..<4 {
            bench.generate("r\(index)", prompt + [Int32(index)], limit: 5)
            bench.runToIdle()
        }
        let figures = try #require(told(bench))
        #expect(figures.prefilledTokens + figures.cachedTokens == 4 * 41)
        #expect(figures.cachedTokens == bench.streams.values.reduce(0) { $0 + $1.usage.cachedTokens })
        #expect(figures.generatedTokens == 4 * 5)
        // The first token of each comes with its prompt.
        #expect(figures.decodedTokens == 4 * 4)
        #expect(figures.steps == 4 * 5 && figures.forwardSeconds.count == figures.steps)
        #expect(figures.decodeMoments[0] == 16 && figures.decodeMoments[1] == 16 && figures.decodeMoments[5] == 16)
        #expect(figures.hitRate > 0.9)
        #expect(figures.retractions == 0 && figures.evictedTokens == 0 && figures.sequenceTokens == 0)
        #expect(figures.process.residentBytes > 0 && figures.process.cpuSeconds > 0)
    }

    @Test
    func `a short pool shows in retractions and evictions`() throws {
        let bench = Bench(worker: FakeWorker(slotCount: 64, endTokenIDs: [])) { $0.conservativeness = 0.1 }
        for index in 0..<4 { bench.generate("r\(index)", [Int32(index), 2, 3], limit: 30) }
        bench.runToIdle()
        let figures = try #require(told(bench))
        let retractions = bench.streams.values.reduce(0) { $0 + $1.usage.retractions }
        #expect(retractions > 0 && figures.retractions == retractions)
        #expect(figures.retractedInputTokens == 3 * retractions && figures.retractedOutputTokens > 0)
        #expect(figures.evictedTokens > 0 && figures.evictionSeconds.count > 0)
        #expect(figures.retractedWaiting == 0)
    }

    @Test
    func `the loop's time is all accounted for`() {
        let bench = Bench()
        bench.worker.onForward = { _ in bench.time.now += 0.25 }
        bench.generate("r", [1, 2, 3], limit: 4)
        bench.runToIdle()
        let stages = bench.scheduler.statistics.stages
        #expect(stages.forward == 0.25 * Double(bench.worker.steps))
        let all = StageSeconds.names.reduce(0) { $0 + stages[keyPath: $1.path] }
        #expect(all == bench.time.now - 1000)
        #expect(bench.scheduler.statistics.prefillSeconds == 0.25)
    }

    @Test
    func `log settings are answered and passed on`() {
        let bench = Bench()
        let settings = LogSettings(level: nil, logsRequests: false)
        bench.send(.control(call: 9, .configureLogging(settings)))
        bench.scheduler.step()
        #expect(bench.front.messages.contains(.controlled(call: 9, .done(message: ""))))
        #expect(bench.detokenizer.messages.contains(.configureLogging(settings)))
    }
}
