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

    /// The calls that were told in pieces.
    static func joined(_ pieces: [CallPiece]) -> [ToolCall] {
        var calls: [ToolCall] = []
        for piece in pieces {
            switch piece {
            case .begin(let index, let name): calls.append(ToolCall(toolIndex: index, name: name, arguments: ""))
            case .arguments(let text): calls[calls.count - 1].arguments += text
            }
        }
        return calls
    }
}

/// Finds the calls in one output as it comes. Text outside of calls is passed on; calls of tools that were not offered
/// are dropped; what looks like a call and is none comes out as text.
struct ToolCallSplitter {
    private let format: ToolCallFormat
    private let tools: [String]
    /// Arguments are passed on while they come. A call that breaks off then stays broken off, where one that is read whole
    /// would come out as text.
    private let isLive: Bool
    private var text = Holdback()
    private var isInside = false
    private var stage = Stage.head
    /// A call of a list was read before this one.
    private var isFurther = false
    private var hasCalled = false
    /// Text before this call was passed on: a Llama call without a tag must open the output.
    private var hasBegun = false

    /// Where in a call a live reader is.
    private enum Stage {
        case head
        case arguments(PythonJSONStream)
        case tail
        /// It is not written as calls mostly are, and is read whole.
        case whole
    }

    init(_ format: ToolCallFormat, tools: [String], isLive: Bool = false) {
        self.format = format
        self.tools = tools
        self.isLive = isLive
    }

    private var begin: String {
        switch format {
        case .hermes: "<tool_call>"
        case .llama3: "<|python_tag|>"
        case .mistral: "[TOOL_CALLS]"
        }
    }

    mutating func absorb(_ new: String, isLast: Bool) -> (content: String, calls: [CallPiece]) {
        text.append(new)
        switch format {
        case .hermes: return absorbTagged(isLast: isLast)
        case .llama3, .mistral: return absorbOpenEnded(isLast: isLast)
        }
    }

    /// Each call stands between tags.
    private mutating func absorbTagged(isLast: Bool) -> (content: String, calls: [CallPiece]) {
        var content = ""
        var calls: [CallPiece] = []
        while true {
            if isInside {
                if isLive, goOn(&calls, isLast: isLast) { return (content, calls) }
                guard let found = text.take(through: ["</tool_call>"]) else {
                    // An end without its tag: a call if it is complete, else what was written.
                    if isLast {
                        let rest = text.takeAll()
                        let found = isMidCall ? nil : self.calls(in: rest)
                        calls += found ?? []
                        if found == nil { content += isMidCall ? Self.afterArguments(rest) : begin + rest }
                    }
                    return (content, calls)
                }
                isInside = false
                if isMidCall {
                    content += Self.afterArguments(found.before)
                } else {
                    let parsed = self.calls(in: found.before)
                    calls += parsed ?? []
                    if parsed == nil { content += begin + found.before + found.marker }
                }
                hasCalled = hasCalled || !calls.isEmpty
                stage = .head
            } else if let found = text.take(through: [begin]) {
                isInside = true
                content += Self.withoutSeparator(found.before)
            } else {
                content += isLast ? afterCalls(text.takeAll()) : text.takeSafe([begin, "\n" + begin])
                return (content, calls)
            }
        }
    }

    /// Everything behind the mark, or from the start of the output, is calls.
    private mutating func absorbOpenEnded(isLast: Bool) -> (content: String, calls: [CallPiece]) {
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
        var calls: [CallPiece] = []
        while isLive, !goOn(&calls, isLast: isLast), case .tail = stage {
            // The next call, or the end.
            let separator = format == .llama3 ? ";" : ","
            guard case .yes(let used) = CallScanner.end(of: text.pending, mark: separator) else { break }
            text.drop(used)
            stage = .head
            isFurther = true
        }
        guard isLast else { return (content, calls) }
        let rest = text.takeAll()
        if isMidCall || (isFurther && rest.allSatisfy(\.isWhitespace)) {
            return (content + Self.afterArguments(rest), calls)
        }
        let opening = isFurther && format == .mistral ? "[" : ""
        guard let found = self.calls(in: opening + rest) else { return (content + rest, calls) }
        return (content, calls + found)
    }

    // MARK: Live

    /// Arguments of a call were passed on.
    private var isMidCall: Bool {
        switch stage {
        case .head, .whole: false
        case .arguments, .tail: true
        }
    }

    /// Passes on what has come of a call. True: more must come first.
    private mutating func goOn(_ calls: inout [CallPiece], isLast: Bool) -> Bool {
        if case .head = stage {
            let opening: Unicode.Scalar? = format == .mistral && !isFurther ? "[" : nil
            let (outcome, tool) = CallScanner.head(of: text.pending, opening: opening, tools: tools)
            switch outcome {
            case .open: return !isLast
            case .no: stage = .whole
            case .yes(let used):
                text.drop(used)
                calls.append(.begin(toolIndex: tool, name: tools[tool]))
                hasCalled = true
                stage = .arguments(PythonJSONStream())
            }
        }
        if case .arguments(var stream) = stage {
            let (new, used) = stream.absorb(text.pending)
            text.drop(used)
            if !new.isEmpty { calls.append(.arguments(new)) }
            stage = stream.isComplete ? .tail : .arguments(stream)
            return !stream.isComplete && !isLast
        }
        return false
    }

    /// What stands behind the arguments of a call and does not belong to it.
    private static func afterArguments(_ text: String) -> String {
        var rest = text
        if case .yes(let used) = CallScanner.end(of: text, mark: "") {
            rest = String(String.UnicodeScalarView(text.unicodeScalars.dropFirst(used)))
        }
        return rest.allSatisfy { $0.isWhitespace || $0 == "}" || $0 == "]" } ? "" : rest
    }

    // MARK: Whole

    /// nil: not a call.
    private func calls(in source: String) -> [CallPiece]? {
        wholeCalls(in: source)?.flatMap { call in
            [.begin(toolIndex: call.toolIndex, name: call.name), .arguments(call.arguments)]
        }
    }

    /// nil: not a call.
    private func wholeCalls(in source: String) -> [ToolCall]? {
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

    private func afterCalls(_ text: String) -> String {
        hasCalled && text.allSatisfy(\.isWhitespace) ? "" : text
    }
}
