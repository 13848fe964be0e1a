import ApusCore
import ApusJSON
import Logging
import Synchronization
import Testing

@testable import ApusObserve

struct TraceTests {
    private static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static func span(_ name: String) -> Span {
        Span(
            name, kind: .server,
            context: TraceContext(traceHigh: 1, traceLow: 2, spanID: 3, isSampled: true), parent: 4, start: 1.5,
            end: 2.25, attributes: ["n": 5, "s": "t", "d": 0.5, "b": true], isError: true)
    }

    @Test
    func `spans are written as OTLP has them`() throws {
        let message = OTLP.request([Self.span("GET /")], resource: ["service.name": "apus"], version: "1")
        let expected = try JSONValue(
            parsing: """
                {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"apus"}}]},\
                "scopeSpans":[{"scope":{"name":"apus","version":"1"},"spans":[{\
                "traceId":"00000000000000010000000000000002","spanId":"0000000000000003",\
                "parentSpanId":"0000000000000004","name":"GET /","kind":2,\
                "startTimeUnixNano":"1500000000","endTimeUnixNano":"2250000000","attributes":[\
                {"key":"n","value":{"intValue":"5"}},{"key":"s","value":{"stringValue":"t"}},\
                {"key":"d","value":{"doubleValue":0.5}},{"key":"b","value":{"boolValue":true}}],\
                "status":{"code":2}}]}]}]}
                """)
        #expect(message == expected)
    }

    @Test
    func `endpoints`() {
        func parts(_ text: String) -> String? { TraceEndpoint(text).map { "\($0.host) \($0.port) \($0.path)" } }
        #expect(parts("collector") == "collector 4318 /v1/traces")
        #expect(parts("10.0.0.1:4317") == "10.0.0.1 4317 /v1/traces")
        #expect(parts("http://h:1/a/b") == "h 1 /a/b")
        #expect(parts("HTTP://h/") == "h 4318 /v1/traces")
        #expect(parts("http://[::1]:9") == "::1 9 /v1/traces")
        #expect(parts("[::1]") == "::1 4318 /v1/traces")
        for wrong in ["", "https://h", "grpc://h:1", "h:0", "h:x", "http://", "h:70000", "a b", "http://h\r\n/x"] {
            #expect(TraceEndpoint(wrong) == nil, "\(wrong)")
        }
    }

    @Test
    func `spans go out in batches, and what cannot go is counted`() throws {
        let bodies = Mutex<[JSONValue]>([])
        let status = Mutex(200)
        let exporter = TraceExporter(resource: JSONObject(), version: "1", logger: Self.silent) { body in
            bodies.withLock { $0.append((try? JSONValue(parsing: body)) ?? .null) }
            return .success(status.withLock { $0 })
        }
        let count = TraceExporter.batch + 88
        for index in 0..<count { exporter.export(Self.span("\(index)")) }
        while exporter.counts.exported < count { usleepBriefly() }
        let names = bodies.withLock { bodies in
            bodies.flatMap { $0["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?.arrayValue ?? [] }
                .map { $0["name"]?.stringValue }
        }
        #expect(names == (0..<count).map { "\($0)" })
        #expect(bodies.withLock { $0.count } >= 2)

        status.withLock { $0 = 503 }
        exporter.export(Self.span("lost"))
        exporter.finish()
        exporter.export(Self.span("too late"))
        #expect(exporter.counts == TraceExporter.Counts(exported: count, dropped: 2))
        exporter.finish()
    }

    @Test
    func `a receiver that hangs does not hold anybody up, nor memory`() {
        let isOpen = Mutex(false)
        let exporter = TraceExporter(resource: JSONObject(), version: "1", logger: Self.silent) { _ in
            while !isOpen.withLock({ $0 }) { usleepBriefly() }
            return .success(200)
        }
        let count = 2 * TraceExporter.limit + TraceExporter.batch
        for index in 0..<count { exporter.export(Self.span("\(index)")) }
        #expect(exporter.counts.dropped >= count - TraceExporter.limit - TraceExporter.batch)
        isOpen.withLock { $0 = true }
        exporter.finish()
        #expect(exporter.counts.exported + exporter.counts.dropped == count)
    }
}
