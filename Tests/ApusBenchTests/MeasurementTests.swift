import ApusJSON
import NIOCore
import Testing

@testable import apus_bench

@Suite struct MeasurementTests {
    @Test func percentilesAreOfTheNearestRank() {
        let summary = Summary((1...100).map(Double.init).shuffled())
        #expect(summary.percentile(0.5) == 50)
        #expect(summary.percentile(0.99) == 99)
        #expect(summary.percentile(0) == 1)
        #expect(summary.maximum == 100)
        #expect(summary.mean == 50.5)
    }

    @Test func aNativeStreamIsMeasuredByItsTokens() throws {
        var state = ResponseState(backend: .sglang, streams: true, start: now())
        try state.receive(.status(200))
        for count in [1, 2, 5] {
            let json =
                "{\"text\":\"x\",\"meta_info\":{\"completion_tokens\":\(count),\"prompt_tokens\":9,\"cached_tokens\":4}}"
            try state.receive(.body(ByteBuffer(string: "data: \(json)\n\n")))
        }
        try state.receive(.body(ByteBuffer(string: "data: [DONE]\n\n")))
        let measurement = state.finished()
        #expect(measurement.failure == nil)
        #expect(measurement.outputTokens == 5 && measurement.promptTokens == 9 && measurement.cachedTokens == 4)
        // One gap a token after the first, also where a piece brought three.
        #expect(measurement.gaps.count == 4)
        #expect(measurement.firstToken >= 0 && measurement.latency >= measurement.firstToken)
    }

    @Test func errorsInsideAStreamAndStatusesAreFailures() throws {
        var streamed = ResponseState(backend: .sglang, streams: true, start: now())
        try streamed.receive(.status(200))
        try streamed.receive(.body(ByteBuffer(string: "data: {\"error\":{\"message\":\"queue full\"}}\n\n")))
        #expect(streamed.finished().failure == "queue full")
        var refused = ResponseState(backend: .sglangOAI, streams: true, start: now())
        try refused.receive(.status(503))
        try refused.receive(.body(ByteBuffer(string: "busy")))
        #expect(refused.finished().failure == "status 503: busy")
    }

    @Test func aReportCountsOnlyWhatSucceeded() {
        var good = Measurement(start: 1)
        (good.end, good.firstToken, good.outputTokens, good.promptTokens) = (3, 0.5, 4, 10)
        var bad = Measurement(start: 1)
        (bad.end, bad.outputTokens, bad.failure) = (2, 7, "no")
        let report = Report(backend: .sglang, seconds: 2, rate: .infinity, concurrency: 2, measurements: [good, bad])
        #expect(report.json["completed"] == 1 && report.json["failed"] == 1)
        #expect(report.json["output_throughput"]?.doubleValue == 2)
        #expect(report.json["mean_tpot_ms"]?.doubleValue == 500)
        #expect(report.table.contains("failed 1 times: no"))
    }
}
