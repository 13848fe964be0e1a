import ApusExperts
import ApusTestSupport
import Testing

struct ExpertRecorderTests {
    private static let shape = ExpertShape(layerCount: 3, expertCount: 5, chosen: 2)

    /// Rows of a pass visit `base` and the next expert, in layers 0 and 2.
    private func pass(_ recorder: ExpertRecorder, rows: Int, base: Int32) {
        recorder.beginPass(
            .extend, tokens: (0..<Int32(rows)).map { $0 }, positions: (0..<Int32(rows)).map { $0 },
            lengths: [Int32(rows)])
        for layer in [0, 2] { recorder.visit(layer: layer, (0..<rows).flatMap { _ in [base, base + 1] }) }
        recorder.endPass()
    }

    @Test func countsEveryVisitSinceTheStart() {
        let recorder = ExpertRecorder(Self.shape)
        recorder.start()
        pass(recorder, rows: 4, base: 0)
        pass(recorder, rows: 1, base: 3)
        recorder.stop()
        #expect(!recorder.isRecording)
        let record = recorder.take()
        #expect(record.counts == [4, 4, 0, 1, 1, 0, 0, 0, 0, 0, 4, 4, 0, 1, 1])
        #expect(record.passes.isEmpty)
        #expect(recorder.take().counts.allSatisfy { $0 == 0 })
    }

    /// Any order of calls, while passes begin and end, against plain sums.
    @Test(arguments: ExpertRecorder.Mode.allCases) func anyOrderIsSafe(_ mode: ExpertRecorder.Mode) {
        var random = SeededRandom(seed: 9)
        let recorder = ExpertRecorder(Self.shape, mode: mode, passLimit: 4, keepsPasses: true)
        var expected = [Int](repeating: 0, count: 15)
        var passes = 0
        for _ in 0..<2000 {
            switch Int.random(in: 0..<12, using: &random) {
            case 0:
                recorder.start()
                expected = Array(repeating: 0, count: 15)
                passes = 0
            case 1: recorder.stop()
            case 2:
                let record = recorder.take()
                #expect(record.counts == expected)
                #expect(record.passes.count == min(passes, 4))
                if !mode.isDetailed {
                    // Passes that had to go are in the sums of those that stayed.
                    for index in expected.indices {
                        #expect(record.passes.reduce(0) { $0 + Int($1.counts[index]) } == expected[index])
                    }
                }
                expected = Array(repeating: 0, count: 15)
                passes = 0
            default:
                guard recorder.isRecording else { continue }
                let rows = Int.random(in: 1...5, using: &random), base = Int32.random(in: 0...3, using: &random)
                pass(recorder, rows: rows, base: base)
                for layer in [0, 2] {
                    for expert in [Int(base), Int(base) + 1] { expected[layer * 5 + expert] += rows }
                }
                passes += 1
            }
        }
    }

    @Test func tokensArePutIntoTheirLayers() throws {
        let recorder = ExpertRecorder(Self.shape, mode: .perToken)
        recorder.start()
        pass(recorder, rows: 2, base: 3)
        let recorded = try #require(recorder.take().passes.first)
        #expect(recorded.experts == [3, 4, 3, 4, -1, -1, -1, -1, 3, 4, 3, 4])
        #expect(recorded.tokens == [0, 1] && recorded.positions == [0, 1] && recorded.lengths == [2])
    }

    /// An hour of passes takes the memory of a few.
    @Test func bytesAreBounded() {
        let recorder = ExpertRecorder(Self.shape, mode: .perToken, passLimit: nil, byteLimit: 20_000)
        recorder.start()
        for _ in 0..<5000 { pass(recorder, rows: 10, base: 1) }
        let record = recorder.take()
        #expect(record.counts[1] == 50_000)
        #expect(record.passes.count > 10 && record.passes.count < 60)
        #expect(record.passes.last?.number == 5000)
        #expect(zip(record.passes, record.passes.dropFirst()).allSatisfy { $0.number + 1 == $1.number })
    }

    @Test func denseModelsHaveEmptyRecords() {
        let recorder = ExpertRecorder(.dense, mode: .perToken)
        recorder.start()
        recorder.beginPass(.decode, tokens: [1], positions: [0], lengths: [1])
        recorder.endPass()
        #expect(recorder.take().counts.isEmpty)
    }
}
