import ApusJSON
import ApusJinja
import ApusText

/// The ways in which models write tool calls.
enum ToolCallFormat: Sendable {
    /// `<tool_call>{"name": …, "arguments": …}</tool_call>`: Qwen and Hermes.
    case hermes
    /// `{"name": …, "parameters": …}`, alone or behind `<|python_tag|>`, several with `;` between: Llama 3.
    case llama3
    /// `[TOOL_CALLS] [{"name": …, "arguments": …}, …]`: Mistral.
    case mistral

    private static let formats: [String: ToolCallFormat] = [
        "qwen": .hermes, "qwen25": .hermes, "hermes": .hermes, "llama3": .llama3, "mistral": .mistral,
    ]

    static let names = formats.keys.sorted()

    init?(named name: String) {
        guard let format = Self.formats[name] else { return nil }
        self = format
    }
}

/// One call that a model made.
struct ToolCall: Sendable, Hashable {
    /// Position of the tool among those offered.
    var toolIndex: Int
    var name: String
    /// JSON text, as Python's `json.dumps` writes it.
    var arguments: String
}

/// Finds the calls in one output as it comes. Text outside of calls is passed on; calls of tools that were not offered
/// are dropped; what looks like a call and is none comes out as text.
struct ToolCallSplitter {
    private let format: ToolCallFormat
    private let tools: [String]
    private var text = Holdback()
    private var isInside = false
    /// Text before this call was passed on: a Llama call without a tag must open the output.
    private var hasBegun = false

    init(_ format: ToolCallFormat, tools: [String]) {
        self.format = format
        self.tools = tools
    }

    private var begin: String {
        switch format {
        case .hermes: "<tool_call>"
        case .llama3: "<|python_tag|>"
        case .mistral: "[TOOL_CALLS]"
        }
    }

    mutating func absorb(_ new: String, isLast: Bool) -> (content: String, calls: [ToolCall]) {
        text.append(new)
        switch format {
        case .hermes: return absorbTagged(isLast: isLast)
        case .llama3, .mistral: return absorbOpenEnded(isLast: isLast)
        }
    }

    /// Each call stands between tags.
    private mutating func absorbTagged(isLast: Bool) -> (content: String, calls: [ToolCall]) {
        var content = ""
        var calls: [ToolCall] = []
        while true {
            if isInside {
                guard let found = text.take(through: ["</tool_call>"]) else {
                    // An end without its tag: a call if it is complete, else what was written.
                    if isLast {
                        let rest = text.takeAll()
                        let found = self.calls(in: rest)
                        calls += found ?? []
                        if found == nil { content += begin + rest }
                    }
                    return (content, calls)
                }
                isInside = false
                let parsed = self.calls(in: found.before)
                calls += parsed ?? []
                if parsed == nil { content += begin + found.before + found.marker }
            } else if let found = text.take(through: [begin]) {
                isInside = true
                content += Self.withoutSeparator(found.before)
            } else {
                content += isLast ? Self.afterCalls(text.takeAll(), calls) : text.takeSafe([begin, "\n" + begin])
                return (content, calls)
            }
        }
    }

    /// Everything behind the mark, or from the start of the output, is calls.
    private mutating func absorbOpenEnded(isLast: Bool) -> (content: String, calls: [ToolCall]) {
        var content = ""
        if !isInside {
            if let found = text.take(through: [begin]) {
                isInside = true
                content = found.before
            } else if format == .llama3, !hasBegun {
                let trimmed = text.pending.drop(while: \.isWhitespace)
                if trimmed.hasPrefix("{") {
                    isInside = true
                } else if trimmed.isEmpty || begin.hasPrefix(trimmed), !isLast {
                    return ("", [])
                }
            }
        }
        guard isInside else {
            content = isLast ? text.takeAll() : text.takeSafe([begin])
            hasBegun = hasBegun || !content.isEmpty
            return (content, [])
        }
        guard isLast else { return (content, []) }
        let rest = text.takeAll()
        guard let calls = calls(in: rest) else { return (content + rest, []) }
        return (content, calls)
    }

    /// nil: not a call.
    private func calls(in source: String) -> [ToolCall]? {
        let pieces = format == .llama3 ? Self.objects(in: source) : [source]
        var calls: [ToolCall] = []
        for piece in pieces {
            guard let json = try? JSONValue(parsing: piece) else { return nil }
            for object in json.arrayValue ?? [json] {
                guard let name = object["name"]?.stringValue else { return nil }
                let arguments = object["arguments"] ?? object["parameters"] ?? .object(JSONObject())
                guard let text = arguments.stringValue ?? (try? pythonJSON(Value(arguments))) else { return nil }
                guard let index = tools.firstIndex(of: name) else { continue }
                calls.append(ToolCall(toolIndex: index, name: name, arguments: text))
            }
        }
        return calls
    }

    /// Objects with `;` between them; a semicolon inside a string separates nothing.
    private static func objects(in source: String) -> [String] {
        var pieces: [String] = []
        var piece = ""
        var depth = 0
        var isString = false
        var isEscaped = false
        for character in source.unicodeScalars {
            if depth == 0, character == ";" {
                pieces.append(piece)
                piece = ""
                continue
            }
            piece.unicodeScalars.append(character)
            if isString {
                if isEscaped {
                    isEscaped = false
                } else if character == "\\" {
                    isEscaped = true
                } else if character == "\"" {
                    isString = false
                }
            } else if character == "\"" {
                isString = true
            } else if character == "{" {
                depth += 1
            } else if character == "}" {
                depth -= 1
            }
        }
        pieces.append(piece)
        return pieces.filter { !$0.allSatisfy(\.isWhitespace) }
    }

    /// The line break that templates put before a call belongs to the call.
    private static func withoutSeparator(_ text: String) -> String {
        text.allSatisfy(\.isWhitespace) ? "" : text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    private static func afterCalls(_ text: String, _ calls: [ToolCall]) -> String {
        !calls.isEmpty && text.allSatisfy(\.isWhitespace) ? "" : text
    }
}
