import ApusJSON

/// How calls are written, letter by letter, where a grammar writes them.
struct CallSyntax: Sendable {
    /// Where calls stand among text.
    enum Place: Sendable {
        /// After this mark.
        case anywhere(trigger: String)
        /// They are all of the output; text, if there are none, matches the pattern.
        case wholeOutput(text: String)
    }

    /// Around all calls.
    var open = ""
    var close = ""
    let separator: String
    /// Before the name of a tool, between it and the arguments, behind those.
    let prefix: String
    let middle: String
    let end: String
    let place: Place

    func begin(_ name: String) -> String { prefix + JSONValue.string(name).description + middle }

    /// - Parameters:
    ///   - format: nil: an array of objects.
    ///   - isCompact: JSON without white space, where the format is not the model's own.
    init(_ format: ToolCallFormat?, isCompact: Bool) {
        switch format {
        case .hermes:
            separator = "\n"
            (prefix, middle, end) = ("<tool_call>\n{\"name\": ", ", \"arguments\": ", "}\n</tool_call>")
            place = .anywhere(trigger: "<tool_call>")
        case .llama3:
            separator = ";"
            (prefix, middle, end) = ("{\"name\": ", ", \"parameters\": ", "}")
            place = .wholeOutput(text: #"\s*(?:[^\s{][\s\S]*)?"#)
        case .mistral:
            (open, close, separator) = ("[TOOL_CALLS] [", "]", ", ")
            (prefix, middle, end) = ("{\"name\": ", ", \"arguments\": ", "}")
            place = .anywhere(trigger: "[TOOL_CALLS]")
        case nil:
            let space = isCompact ? "" : " "
            (open, close, separator) = ("[", "]", "," + space)
            (prefix, middle, end) = ("{\"name\":" + space, "," + space + "\"parameters\":" + space, "}")
            place = .wholeOutput(text: #"\s*(?:[^\s\[][\s\S]*)?"#)
        }
    }
}

/// What a splitter has found of a call.
enum CallPiece: Sendable, Hashable {
    /// Of the tool at this place among those offered.
    case begin(toolIndex: Int, name: String)
    /// More of the arguments of the call that began last.
    case arguments(String)
}

/// Reads calls that a grammar wrote, and passes their arguments on as they come. What was cut short comes out as far as it
/// got.
struct ForcedCallSplitter {
    private let syntax: CallSyntax
    private let tools: [(begin: String, name: String)]
    private var pending = ""
    private var arguments: PythonJSONStream?
    private var hasBegun = false

    init(_ syntax: CallSyntax, tools: [String]) {
        self.syntax = syntax
        self.tools = tools.map { (syntax.begin($0), $0) }
    }

    mutating func absorb(_ new: String, isLast: Bool) -> (content: String, calls: [CallPiece]) {
        pending += new
        var calls: [CallPiece] = []
        while true {
            if var stream = arguments {
                let (text, used) = stream.absorb(pending)
                if !text.isEmpty { calls.append(.arguments(text)) }
                pending = String(pending.unicodeScalars.dropFirst(used))
                arguments = stream.isComplete ? nil : stream
                if !stream.isComplete { break }
            }
            var found: (range: Range<String.Index>, tool: Int)?
            for (index, tool) in tools.enumerated() {
                guard let range = pending.firstRange(of: tool.begin) else { continue }
                if found.map({ range.lowerBound < $0.range.lowerBound }) ?? true { found = (range, index) }
            }
            guard let found else { break }
            pending = String(pending[found.range.upperBound...])
            calls.append(.begin(toolIndex: found.tool, name: tools[found.tool].name))
            arguments = PythonJSONStream()
            hasBegun = true
        }
        guard isLast else { return ("", calls) }
        // What stands behind the last call belongs to it, unless another was begun.
        var rest = Substring(pending)
        if hasBegun {
            for part in [syntax.end, syntax.close, syntax.separator] where !part.isEmpty {
                if rest.hasPrefix(part) { rest = rest.dropFirst(part.count) } else if part.hasPrefix(rest) { rest = "" }
            }
        }
        return (String(rest), calls)
    }
}
