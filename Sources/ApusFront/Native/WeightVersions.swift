import ApusJSON
import ApusWire

/// Whose weights made the tokens that a client gets.
struct WeightVersions {
    private let spans: [WeightSpan]
    private let end: Int

    /// `fallback` stands where no token tells. A stop string may have cut off the last tokens, and their versions with
    /// them.
    init(_ usage: Usage, fallback: String) {
        let spans = usage.weights.filter { $0.start == 0 || $0.start < usage.completionTokens }
        self.spans = spans.isEmpty ? [WeightSpan(version: fallback, start: 0)] : spans
        end = usage.completionTokens
    }

    /// That of the last token.
    var last: JSONValue { .string(spans[spans.count - 1].version) }

    /// `[{"version", "start", "end"}, …]` over the completion.
    var json: JSONValue {
        let ends = spans.dropFirst().map(\.start) + [end]
        return .array(
            zip(spans, ends).map { span, end in
                ["version": .string(span.version), "start": JSONValue(span.start), "end": JSONValue(end)]
            })
    }
}
