import ApusCore
import ApusJSON
import ApusObserve
import ApusWire
import HTTPTypes
import Logging

/// Sees every request begin and end, and makes of it what was asked for at launch: metrics, spans, log lines.
final class RequestObserver: Sendable {
    let metrics: FrontMetrics?
    private let traces: TraceExporter?
    private let slowSeconds: Double?
    private let logsTimes: Bool
    private let logger: Logger

    init(_ configuration: FrontConfiguration, logger: Logger) {
        metrics = configuration.enableMetrics ? FrontMetrics(configuration.metrics) : nil
        traces = configuration.traces
        slowSeconds = configuration.slowRequestSeconds
        logsTimes = configuration.logsRequestTimes
        self.logger = logger
    }

    // MARK: - HTTP

    /// `endpoint`: the route's path; nil: there is no such route, and names that clients make up are not counted apart.
    func begin(_ fields: HTTPFields, method: HTTPRequest.Method, endpoint: String?) -> HTTPCall {
        let known = endpoint ?? "other"
        // Methods can be made up too.
        let method = endpoint == nil ? HTTPRequest.Method("OTHER") ?? .get : method
        metrics?.began(endpoint: known, method: method.rawValue)
        return HTTPCall(fields, method: method, endpoint: known, beginsTraces: traces != nil) { [self] in finish($0) }
    }

    private func finish(_ outcome: HTTPCall.Outcome) {
        metrics?.finished(endpoint: outcome.endpoint, method: outcome.method, status: outcome.status)
        guard let traces, let context = outcome.origin.trace, context.isSampled else { return }
        var attributes: JSONObject = [
            "http.request.method": .string(outcome.method), "http.route": .string(outcome.endpoint),
            "request_id": .string(outcome.origin.requestID),
        ]
        if let status = outcome.status { attributes["http.response.status_code"] = JSONValue(status) }
        traces.export(
            Span(
                "\(outcome.method) \(outcome.endpoint)", kind: .server, context: context, parent: outcome.parent,
                start: outcome.receivedAt, end: Clocks.unix(), attributes: attributes,
                isError: outcome.status.map { $0 >= 500 } ?? true))
    }

    /// Sends what is left to be sent.
    func close() { traces?.finish() }

    var traceCounts: TraceExporter.Counts? { traces?.counts }

    // MARK: - Samples

    /// Tokens of streams came.
    func arrived(_ arrivals: @autoclosure () -> [RequestTrack.Arrival]) { metrics?.arrived(arrivals()) }

    /// A sample has its one ending; nil: its client left, or the scheduler did.
    func ended(_ track: RequestTrack, _ finish: FinishReason?) {
        let now = Clocks.unix()
        let isAborted: Bool
        if case .abort? = finish { isAborted = true } else { isAborted = finish == nil }
        metrics?.ended(track, isAborted: isAborted, now: now)
        if traces != nil { export(track) }
        let seconds = now - track.call.receivedAt
        if let slowSeconds, seconds >= slowSeconds {
            logger.warning("slow request", metadata: times(track, seconds, isAborted))
        } else if logsTimes {
            logger.info("request times", metadata: times(track, seconds, isAborted))
        }
    }

    private func export(_ track: RequestTrack) {
        guard let traces, let context = track.call.origin.trace, context.isSampled else { return }
        for (name, start, end) in track.stages {
            var own = context
            own.spanID = TraceContext.randomID()
            var attributes: JSONObject = ["rid": .string(track.rid)]
            if let usage = track.usage {
                switch name {
                case "prefill":
                    attributes["prompt_tokens"] = JSONValue(usage.promptTokens)
                    attributes["cached_tokens"] = JSONValue(usage.cachedTokens)
                case "decode": attributes["completion_tokens"] = JSONValue(usage.completionTokens)
                default: break
                }
            }
            traces.export(
                Span(name, context: own, parent: context.spanID, start: start, end: end, attributes: attributes))
        }
    }

    private func times(_ track: RequestTrack, _ seconds: Double, _ isAborted: Bool) -> Logger.Metadata {
        var fields: Logger.Metadata = track.call.origin.fields(rid: track.rid).mapValues { "\($0)" }
        func set(_ name: String, _ seconds: Double) {
            fields[name] = "\((max(0, seconds) * 1e6).rounded() / 1e6)"
        }
        set("seconds", seconds)
        for (name, start, end) in track.stages { set("\(name)_seconds", end - start) }
        fields["endpoint"] = "\(track.call.endpoint)"
        fields["prompt_tokens"] = "\(track.promptTokens)"
        fields["completion_tokens"] = "\(track.usage?.completionTokens ?? 0)"
        if isAborted { fields["aborted"] = "true" }
        return fields
    }
}
