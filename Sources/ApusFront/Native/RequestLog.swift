import ApusCore
import ApusJSON

/// Log lines about requests (`--log-requests`): one when a request is understood, one when its answer is complete.
package struct RequestLog: Sendable {
    /// How much a line tells; each level adds to those below.
    package enum Level: Int, Sendable, Comparable {
        /// Ids, flags, counts, times.
        case metadata = 0
        case sampling
        /// Prompts and outputs, cut.
        case excerpts
        case everything

        package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    package enum Format: String, Sendable {
        case text
        case json
    }

    private let level: Level
    private let format: Format
    private let write: @Sendable (String) -> Void

    /// Characters of a prompt or an output in an excerpt.
    private static let excerptLength = 2_048
    private static let contents: Set<String> = ["text", "input_ids", "input_embeds", "output_ids", "prompt_token_ids"]

    /// `write` takes one line.
    package init(level: Level, format: Format, write: @escaping @Sendable (String) -> Void) {
        self.level = level
        self.format = format
        self.write = write
    }

    func received(_ body: JSONObject, rids: [String]) {
        line("request.received", word: "Receive", [("rid", Self.ids(rids)), ("obj", .object(shown(body)))])
    }

    /// `answers`: the complete response objects.
    func finished(_ body: JSONObject, rids: [String], answers: [JSONObject]) {
        let out = answers.map { JSONValue.object(shown($0)) }
        line(
            "request.finished", word: "Finish",
            [
                ("rid", Self.ids(rids)), ("obj", .object(shown(body))),
                ("out", out.count == 1 ? out[0] : .array(out)),
            ])
    }

    func failed(_ body: JSONObject, rids: [String], _ error: FrontError) {
        line(
            "request.failed", word: "Fail",
            [("rid", Self.ids(rids)), ("obj", .object(shown(body))), ("error", .string(error.message))])
    }

    /// The members that this level shows.
    private func shown(_ object: JSONObject) -> JSONObject {
        var shown = JSONObject()
        for member in object {
            if member.key == "sampling_params", level < .sampling { continue }
            guard Self.contents.contains(member.key) else {
                shown[member.key] = member.value
                continue
            }
            switch level {
            case .metadata, .sampling: break
            case .excerpts: shown[member.key] = Self.excerpt(member.value)
            case .everything: shown[member.key] = member.value
            }
        }
        return shown
    }

    private static func excerpt(_ value: JSONValue) -> JSONValue {
        let text = value.stringValue ?? value.description
        guard text.utf8.count > excerptLength else { return value }
        return .string("\(text.prefix(excerptLength))…")
    }

    private static func ids(_ rids: [String]) -> JSONValue {
        rids.count == 1 ? .string(rids[0]) : .array(rids.map { .string($0) })
    }

    private func line(_ event: String, word: String, _ facts: [(String, JSONValue)]) {
        switch format {
        case .text: write("\(word): " + facts.map { "\($0.0)=\($0.1)" }.joined(separator: ", "))
        case .json:
            let stamp: [(String, JSONValue)] = [("timestamp", .double(Clocks.unix())), ("event", .string(event))]
            write(JSONObject(stamp + facts).description)
        }
    }
}
