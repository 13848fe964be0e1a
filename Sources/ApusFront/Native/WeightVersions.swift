import ApusJSON
import ApusWire

/// Whose weights made the tokens that a client gets.
struct WeightVersions {
    private let spans: [WeightSpan]
    private let end: Int

    /// `fallback` stands where no token tells. A stop string may have cut off the last tokens, and their versions with
    /// them.
    init(_ usage: Usage, fallback: String) {
        let spans = usage.weights.filter { $0.begins(within: usage) }
        self.spans = spans.isEmpty ? [WeightSpan(version: fallback, start: 0)] : spans
        end = usage.completionTokens
    }

    /// That of the last token.
    var last: JSONValue { .string(spans[spans.count - 1].version) }

    /// The same without the others, for each chunk of a stream.
    static func last(_ usage: Usage, fallback: String) -> JSONValue {
        .string(usage.weights.last { $0.begins(within: usage) }?.version ?? fallback)
    }

    /// `[{"version", "start", "end"}, …]` over the completion.
    var json: JSONValue {
        let ends = spans.dropFirst().map(\.start) + [end]
        return .array(
            zip(spans, ends).map { span, end in
                ["version": .string(span.version), "start": JSONValue(span.start), "end": JSONValue(end)]
            })
    }
}

extension WeightSpan {
    fileprivate func begins(within usage: Usage) -> Bool { start == 0 || start < usage.completionTokens }
}
