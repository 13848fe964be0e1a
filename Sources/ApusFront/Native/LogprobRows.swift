import ApusJSON
import ApusWire

/// Log probabilities as `meta_info` shows them: entries `[logprob, token id, text or null]`.
struct LogprobRows {
    /// Text of a token alone; nil: entries carry null.
    let text: ((Int32) -> String)?

    /// -inf, which JSON lacks, is the lowest float32.
    private static let lowest = -Double(Float.greatestFiniteMagnitude)

    /// Rows of one kind for a stretch of positions.
    struct Rows {
        var tokens: [JSONValue] = []
        var top: [JSONValue] = []
        var chosen: [JSONValue] = []
    }

    /// `isPrompt`: nothing is before the first position, so its values are null.
    func rows(_ positions: [TokenLogprobs], isPrompt: Bool) -> Rows {
        var rows = Rows()
        for (index, position) in positions.enumerated() {
            let isOpen = isPrompt && index == 0
            rows.tokens.append(entry(isOpen ? nil : position.logprob, position.token))
            rows.top.append(isOpen ? .null : .array(position.top.map { entry($0.logprob, $0.token) }))
            rows.chosen.append(isOpen ? .null : .array(position.chosen.map { entry($0.logprob, $0.token) }))
        }
        return rows
    }

    private func entry(_ logprob: Float?, _ token: Int32) -> JSONValue {
        let value = logprob.map { JSONValue.double($0.isFinite ? Double($0) : Self.lowest) } ?? .null
        return [value, JSONValue(token), text.map { .string($0(token)) } ?? .null]
    }
}
