package import ApusCore
package import ApusJSON

/// A piece of work with a beginning and an end, as traces show it.
package struct Span: Sendable {
    package enum Kind: Int, Sendable {
        /// Inside the server.
        case work = 1
        /// A request of a client.
        case server = 2
    }

    package var name: String
    package var kind: Kind
    /// The trace, and the span's own id.
    package var context: TraceContext
    /// The span that asked for this one; nil: none.
    package var parent: UInt64?
    /// Unix seconds.
    package var start: Double
    package var end: Double
    package var attributes: JSONObject
    package var isError: Bool

    package init(
        _ name: String, kind: Kind = .work, context: TraceContext, parent: UInt64?, start: Double, end: Double,
        attributes: JSONObject = JSONObject(), isError: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.context = context
        self.parent = parent
        self.start = start
        self.end = end
        self.attributes = attributes
        self.isError = isError
    }
}

/// Spans as OTLP has them in JSON (opentelemetry-proto, `ExportTraceServiceRequest`, with ids in hexadecimal).
enum OTLP {
    static func request(_ spans: [Span], resource: JSONObject, version: String) -> JSONValue {
        [
            "resourceSpans": [
                [
                    "resource": ["attributes": attributes(resource)],
                    "scopeSpans": [
                        [
                            "scope": ["name": "apus", "version": .string(version)],
                            "spans": .array(spans.map(json)),
                        ]
                    ],
                ]
            ]
        ]
    }

    private static func json(_ span: Span) -> JSONValue {
        var object: JSONObject = [
            "traceId": .string(span.context.traceID), "spanId": .string(TraceContext.hex(span.context.spanID)),
        ]
        if let parent = span.parent { object["parentSpanId"] = .string(TraceContext.hex(parent)) }
        object["name"] = .string(span.name)
        object["kind"] = JSONValue(span.kind.rawValue)
        object["startTimeUnixNano"] = nanoseconds(span.start)
        object["endTimeUnixNano"] = nanoseconds(max(span.start, span.end))
        object["attributes"] = attributes(span.attributes)
        if span.isError { object["status"] = ["code": 2] }
        return .object(object)
    }

    private static func attributes(_ object: JSONObject) -> JSONValue {
        .array(object.map { ["key": .string($0.key), "value": value($0.value)] })
    }

    private static func value(_ value: JSONValue) -> JSONValue {
        switch value {
        case .bool: ["boolValue": value]
        // 64-bit integers are text in protobuf's JSON.
        case .integer(let number): ["intValue": .string(String(number))]
        case .double: ["doubleValue": value]
        case .string: ["stringValue": value]
        default: ["stringValue": .string(value.description)]
        }
    }

    /// What a double holds of the time is good to a microsecond.
    private static func nanoseconds(_ seconds: Double) -> JSONValue {
        .string("\(UInt64(max(0, seconds) * 1e6))000")
    }
}
