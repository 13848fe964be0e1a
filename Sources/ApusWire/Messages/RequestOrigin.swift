package import ApusCore

/// Where a request comes from, so that every process can name it in its log.
package struct RequestOrigin: Sendable, Hashable {
    /// `x-request-id`; empty: none.
    package var requestID: String
    /// The trace, and the span of the front's that the request is; nil: none.
    package var trace: TraceContext?

    package init(requestID: String = "", trace: TraceContext? = nil) {
        self.requestID = requestID
        self.trace = trace
    }

    /// The fields by which every process names a request in its log.
    package func fields(rid: String) -> [String: String] {
        var fields = ["rid": rid]
        if !requestID.isEmpty { fields["request_id"] = requestID }
        if let trace { fields["trace_id"] = trace.traceID }
        return fields
    }
}
