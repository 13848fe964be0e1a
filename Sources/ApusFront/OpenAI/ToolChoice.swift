import ApusCore
import ApusGrammar
import ApusJSON

/// `tool_choice`.
enum ToolChoice: Sendable, Hashable {
    case none
    /// The model decides whether it calls.
    case auto
    /// It must call one of the tools.
    case required
    /// It must call this one.
    case named(String)

    init(_ choice: JSONValue?, _ offered: OfferedTools) throws(FrontError) {
        switch choice ?? (offered.names.isEmpty ? "none" : "auto") {
        case "none": self = .none
        case "auto": self = offered.names.isEmpty ? .none : .auto
        case "required":
            guard !offered.names.isEmpty else {
                throw .badRequest("Tools cannot be empty if tool choice is set to required.")
            }
            self = .required
        default:
            guard let name = choice?["function"]?["name"]?.stringValue else {
                throw .schema("tool_choice: expected 'none', 'auto', 'required' or an object that names a function")
            }
            guard !offered.names.isEmpty else {
                throw .badRequest("Tools cannot be empty if tool choice is set to a specific tool.")
            }
            guard offered.names.contains(name) else { throw .badRequest("Tool '\(name)' not found in tools list.") }
            self = .named(name)
        }
    }

    /// The output is nothing but calls.
    var isForced: Bool {
        switch self {
        case .none, .auto: false
        case .required, .named: true
        }
    }
}

/// What a choice of tools makes of the output: a structural tag in the words of `--tool-call-parser`.
struct ToolConstraint {
    let tools: OfferedTools
    let syntax: CallSyntax
    /// More than one call may be made.
    let isParallel: Bool
    /// Of looking at all schemas for themselves, so that messages name the tool: other requests wait meanwhile.
    private let limit = CompilationLimit(seconds: 0.03)

    init(tools: OfferedTools, syntax: CallSyntax, isParallel: Bool) {
        self.tools = tools
        self.syntax = syntax
        self.isParallel = isParallel
    }

    /// Nothing but calls.
    func forced(_ choice: ToolChoice) throws(FrontError) -> JSONValue {
        var tags: [JSONValue] = []
        for index in tools.names.indices {
            if case .named(let name) = choice, tools.names[index] != name { continue }
            tags.append(try tag(index, isStrict: true))
        }
        var isOne = !isParallel
        if case .named = choice { isOne = true }
        return Self.structuralTag(calls(tags, isOne: isOne))
    }

    /// Text, in which calls obey the schemas of the tools that are strict; nil: none is, or the model's calls cannot be told
    /// from text.
    func strict() throws(FrontError) -> JSONValue? {
        guard tools.strict.contains(true) else { return nil }
        var tags: [JSONValue] = []
        for index in tools.names.indices { tags.append(try tag(index, isStrict: tools.strict[index])) }
        switch syntax.place {
        case .anywhere(let trigger):
            let list =
                syntax.open.isEmpty
                ? tags
                : [
                    [
                        "type": "tag", "begin": .string(syntax.open), "end": .string(syntax.close),
                        "content": calls(tags, isOne: false, isBare: true),
                    ]
                ]
            return Self.structuralTag([
                "type": "triggered_tags", "triggers": [.string(trigger)], "tags": .array(list),
            ])
        case .wholeOutput(let text):
            return Self.structuralTag([
                "type": "or",
                "elements": [calls(tags, isOne: false), ["type": "regex", "pattern": .string(text)]],
            ])
        }
    }

    private static func structuralTag(_ format: JSONValue) -> JSONValue {
        ["type": "structural_tag", "format": format]
    }

    private func tag(_ index: Int, isStrict: Bool) throws(FrontError) -> JSONValue {
        let parameters = tools.parameters[index]
        if isStrict {
            do throws(GrammarError) {
                _ = try GrammarSource(.json, parameters.description).grammar(limit: limit)
            } catch {
                // What takes longer is looked at again as part of the whole grammar.
                if case .invalid(let reason) = error {
                    throw .openAI(
                        status: 400, kind: "BadRequest",
                        "Tool \(index) function has invalid 'parameters' schema: \(reason)")
                }
            }
        }
        return [
            "type": "tag", "begin": .string(syntax.begin(tools.names[index])), "end": .string(syntax.end),
            "content": ["type": "json_schema", "json_schema": isStrict ? parameters : ["type": "object"]],
        ]
    }

    /// - Parameter isBare: without what opens and closes the list.
    private func calls(_ tags: [JSONValue], isOne: Bool, isBare: Bool = false) -> JSONValue {
        let list: JSONValue = [
            "type": "tags_with_separator", "tags": .array(tags), "separator": .string(syntax.separator),
            "at_least_one": true, "stop_after_first": .bool(isOne),
        ]
        guard !isBare, !syntax.open.isEmpty else { return list }
        func text(_ text: String) -> JSONValue { ["type": "const_string", "value": .string(text)] }
        return ["type": "sequence", "elements": [text(syntax.open), list, text(syntax.close)]]
    }
}
