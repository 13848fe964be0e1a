import ApusJSON
import Synchronization
import Testing

@testable import ApusFront

@Suite struct RequestLogTests {
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
        var values: [String] { all.withLock { $0 } }
    }

    private func lines(
        _ level: RequestLog.Level, _ format: RequestLog.Format = .json, incremental: Bool = false, _ body: JSONValue
    ) async throws -> [String] {
        let lines = Lines()
        try await withFront(configure: {
            $0.incrementalStreaming = incremental
            $0.requestLog = RequestLog(level: level, format: format) { line in lines.all.withLock { $0.append(line) } }
        }) { server in
            _ = try await server.generate(body)
            _ = try await server.get("/health")
        }
        return lines.values
    }

    @Test(arguments: [
        (RequestLog.Level.metadata, false, false), (.sampling, true, false), (.excerpts, true, true),
        (.everything, true, true),
    ])
    func levelsAdd(_ level: RequestLog.Level, _ showsSampling: Bool, _ showsText: Bool) async throws {
        let lines = try await lines(
            level, .json, ["text": "abc", "rid": "r", "sampling_params": ["max_new_tokens": 2]])
        #expect(lines.count == 2)
        let received = try JSONValue(parsing: lines[0])
        #expect(received["event"] == "request.received")
        #expect(received["rid"] == "r")
        #expect((received["obj"]?["sampling_params"] != nil) == showsSampling)
        #expect((received["obj"]?["text"] == "abc") == showsText)
        let finished = try JSONValue(parsing: lines[1])
        #expect(finished["event"] == "request.finished")
        #expect(finished["out"]?["meta_info"]?["completion_tokens"] == 2)
        #expect((finished["out"]?["text"] == "ab") == showsText)
    }

    @Test func excerptsAreCutAndStreamsAreWhole() async throws {
        let long = String(repeating: "x", count: 3_000)
        let log = RequestLog(level: .excerpts, format: .json) { line in
            #expect(line.utf8.count < 2_300 && line.contains("…"))
        }
        log.received(["text": .string(long)], rids: ["r"])
        let lines = try await lines(
            .excerpts, .text, incremental: true,
            ["text": "abc", "stream": true, "rid": "r", "sampling_params": ["max_new_tokens": 5]])
        #expect(lines[0].hasPrefix(#"Receive: rid="r", obj={"text":"abc""#))
        #expect(lines[1].hasPrefix("Finish: "))
        #expect(lines[1].contains(#"out={"text":"abcab""#))
    }
}
