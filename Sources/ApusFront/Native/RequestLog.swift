import ApusCore
import ApusJSON
import ApusWire
import Synchronization

/// Log lines about requests (`--log-requests`): one when a request is understood, one when its answer is complete.
package final class RequestLog: Sendable {
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

    private struct Settings {
        var isOn: Bool
        var level: Level
        var format: Format
    }

    private let settings: Mutex<Settings>
    private let write: @Sendable (String) -> Void

    /// Characters of a prompt or an output in an excerpt.
    private static let excerptLength = 2_048
    private static let contents: Set<String> = [
        "text", "input_ids", "input_embeds", "output_ids", "prompt_token_ids", "choices",
    ]

    /// `write` takes one line.
    package init(
        level: Level, format: Format, isOn: Bool = true, write: @escaping @Sendable (String) -> Void
    ) {
        settings = Mutex(Settings(isOn: isOn, level: level, format: format))
        self.write = write
    }

    var isOn: Bool { settings.withLock { $0.isOn } }

    /// From now on; nil: as before.
    func configure(isOn: Bool?, level: Level?, format: Format?) {
        settings.withLock { settings in
            settings.isOn = isOn ?? settings.isOn
            settings.level = level ?? settings.level
            settings.format = format ?? settings.format
        }
    }

    func received(_ run: GenerateRun) { received(run.body, rids: run.rids, run.scope.origin) }

    func finished(_ run: GenerateRun, answers: @autoclosure () -> [JSONObject]) {
        guard isOn else { return }
        finished(run.body, rids: run.rids, answers: answers(), run.scope.origin)
    }

    func failed(_ run: GenerateRun, _ error: FrontError) {
        line(
            "request.failed", word: "Fail", run.scope.origin,
            [("rid", Self.ids(run.rids)), ("obj", .object(shown(run.body))), ("error", .string(error.message))])
    }

    func received(_ body: JSONObject, rids: [String], _ origin: RequestOrigin = RequestOrigin()) {
        line(
            "request.received", word: "Receive", origin,
            [("rid", Self.ids(rids)), ("obj", .object(shown(body)))])
    }

    /// `answers`: the complete response objects.
    private func finished(
        _ body: JSONObject, rids: [String], answers: [JSONObject], _ origin: RequestOrigin
    ) {
        let out = answers.map { JSONValue.object(shown($0)) }
        line(
            "request.finished", word: "Finish", origin,
            [
                ("rid", Self.ids(rids)), ("obj", .object(shown(body))),
                ("out", out.count == 1 ? out[0] : .array(out)),
            ])
    }

    /// The members that this level shows.
    private func shown(_ object: JSONObject) -> JSONObject {
        let level = settings.withLock { $0.level }
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

    private func line(
        _ event: String, word: String, _ origin: RequestOrigin, _ facts: @autoclosure () -> [(String, JSONValue)]
    ) {
        let settings = settings.withLock { $0 }
        guard settings.isOn else { return }
        var facts = facts()
        if !origin.requestID.isEmpty { facts.append(("request_id", .string(origin.requestID))) }
        if let trace = origin.trace { facts.append(("trace_id", .string(trace.traceID))) }
        switch settings.format {
        case .text: write("\(word): " + facts.map { "\($0.0)=\($0.1)" }.joined(separator: ", "))
        case .json:
            let stamp: [(String, JSONValue)] = [("timestamp", .double(Clocks.unix())), ("event", .string(event))]
            write(JSONObject(stamp + facts).description)
        }
    }
}
