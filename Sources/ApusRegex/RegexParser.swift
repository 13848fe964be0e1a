/// Reads a pattern. What it does not know it refuses: a pattern that is read otherwise than meant gives wrong texts.
package struct RegexParser {
    let pattern: String
    let syntax: RegexSyntax
    let scalars: [Unicode.Scalar]
    var index = 0
    var depth = 0
    var options = Options()
    var groups = RegexGroups()
    private let isOver: () -> Bool

    /// What flags such as (?i) change.
    struct Options {
        var ignoresCase = false
        var dotTakesAll = false
        var isMultiline = false
        /// `\d`, `\s` and `\w` are ASCII.
        var isASCII = false
        /// White space and what follows a '#' mean nothing.
        var isVerbose = false
    }

    /// Groups in one another: reading and matching recurse.
    static let maximumDepth = 100

    /// `isOver`: asked now and then; once it says so, the pattern is refused.
    package init(_ pattern: String, syntax: RegexSyntax, isOver: @escaping () -> Bool = { false }) {
        self.isOver = isOver
        self.pattern = pattern
        self.syntax = syntax
        scalars = Array(pattern.unicodeScalars)
    }

    package mutating func parse() throws(RegexError) -> RegexNode {
        if !isRuby { try takeGlobalFlags() }
        let node = try parseAlternatives()
        guard index == scalars.count else { throw refused("an unmatched ')'") }
        if let missing = groups.referenced.first(where: { $0 > groups.count }) { throw refused("no group \(missing)") }
        return isRuby ? node : node.simplified(keeping: groups.referenced)
    }

    var isRuby: Bool { syntax == .oniguruma }

    mutating func parseAlternatives() throws(RegexError) -> RegexNode {
        // An option such as (?i) holds to the end of the group around it.
        let outer = options
        defer { options = outer }
        var branches = [try parseSequence()]
        while take("|") { branches.append(try parseSequence()) }
        return branches.count == 1 ? branches[0] : .alternatives(branches)
    }

    mutating func parseSequence() throws(RegexError) -> RegexNode {
        var nodes: [RegexNode] = []
        try skipIgnored()
        while index < scalars.count, scalars[index] != "|", scalars[index] != ")" {
            nodes.append(try parseRepeated())
            try skipIgnored()
        }
        return nodes.count == 1 ? nodes[0] : nodes.isEmpty ? .empty : .sequence(nodes)
    }

    private mutating func parseRepeated() throws(RegexError) -> RegexNode {
        let isGroup = scalars[index] == "("
        var node = try parseAtom()
        var isRepeated = false
        while true {
            try skipIgnored()
            guard index < scalars.count else { return node }
            let mark = index
            var minimum = 0
            var maximum: Int?
            var isInterval = false
            switch scalars[index] {
            case "*": index += 1
            case "+": (minimum, index) = (1, index + 1)
            case "?": (maximum, index) = (1, index + 1)
            case "{":
                guard let interval = parseInterval() else {
                    guard !isRuby else { throw refused("'{' that begins no interval") }
                    return node
                }
                (minimum, maximum, isInterval) = (interval.0, interval.1, true)
            default: return node
            }
            if case .assertion = node, isRuby || !isGroup { throw refused("a repeated assertion") }
            guard isRuby || !isRepeated else { throw refused("a repetition of a repetition") }
            var kind = RegexNode.RepeatKind.greedy
            if take("?") {
                kind = .lazy
            } else if !isInterval || !isRuby, take("+") {
                // After an interval, '+' repeats the interval in Ruby's syntax.
                guard isRuby || syntax == .python else { throw refused("a possessive repetition") }
                kind = .possessive
                // Python goes back into no turn of it.
                if !isRuby, node.characters == nil { node = .atomic(node) }
            }
            guard index > mark, maximum.map({ $0 >= minimum }) ?? true else {
                throw refused("an interval {n,m}, n > m")
            }
            node = .repeated(node, minimum: minimum, maximum: maximum, kind)
            isRepeated = true
        }
    }

    /// `{n}`, `{n,}`, `{,m}` or `{n,m}`, in Python `{,}` too; nil, and nothing taken, for anything else.
    private mutating func parseInterval() -> (Int, Int?)? {
        let mark = index
        index += 1
        let minimum = parseInteger()
        var maximum = minimum
        let hasComma = take(",")
        if hasComma { maximum = parseInteger() }
        guard take("}"), minimum != nil || maximum != nil || (hasComma && !isRuby) else {
            index = mark
            return nil
        }
        return (minimum ?? 0, maximum)
    }

    private mutating func parseInteger() -> Int? {
        var value: Int?
        while index < scalars.count, let digit = scalars[index].asciiDigit, value ?? 0 < 100_000 {
            value = (value ?? 0) * 10 + digit
            index += 1
        }
        return value
    }

    private mutating func parseAtom() throws(RegexError) -> RegexNode {
        try checkTime()
        let scalar = scalars[index]
        index += 1
        switch scalar {
        case "(": return try parseGroup()
        case "[": return .set(try isRuby ? parseClass() : parsePythonClass())
        case ".": return .set(anyScalar)
        case "^": return .assertion(isRuby || options.isMultiline ? .lineStart : .textStart)
        case "$": return .assertion(isRuby || options.isMultiline ? .lineEnd : .textEndOrLastBreak)
        case "\\": return try parseEscape()
        case "*", "+", "?": throw refused("'\(scalar)' with nothing to repeat")
        case "{" where !isRuby:
            index -= 1
            guard parseInterval() == nil else { throw refused("an interval with nothing to repeat") }
            index += 1
            return .set(CodePointRanges([scalar]))
        default: return .set(try folded(CodePointRanges([scalar])))
        }
    }

    private var anyScalar: CodePointRanges {
        if options.dotTakesAll { return .all }
        let breaks: [Unicode.Scalar] = syntax == .interoperable ? ["\n", "\r", "\u{2028}", "\u{2029}"] : ["\n"]
        return CodePointRanges(breaks).complement
    }

    private mutating func parseEscape() throws(RegexError) -> RegexNode {
        guard index < scalars.count else { throw refused("a final backslash") }
        switch scalars[index] {
        case "A": return assertion(.textStart)
        case "z" where isRuby: return assertion(.textEnd)
        case "Z" where !isRuby: return assertion(.textEnd)
        case "b": return assertion(options.isASCII ? .asciiWordBorder : .wordBorder)
        case "B": return assertion(options.isASCII ? .noASCIIWordBorder : .noWordBorder)
        default:
            guard !isRuby else { return .set(try parseEscapedSet()) }
            if syntax == .python, let number = takeGroupNumber() { return try reference(to: number) }
            let escaped = try parsePythonEscape(inClass: false)
            return .set(escaped.narrow.single == nil ? chosen(escaped) : try folded(escaped.narrow))
        }
    }

    private mutating func assertion(_ assertion: RegexNode.Assertion) -> RegexNode {
        index += 1
        return .assertion(assertion)
    }

    /// Groups, `(` taken.
    private mutating func parseGroup() throws(RegexError) -> RegexNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw refused("groups nested too deep") }
        let outer = options
        let form = try isRuby ? openRubyGroup() : openPythonGroup()
        if case .complete = form { return .empty }
        let node = try parseInside(form)
        options = outer
        guard take(")") else { throw refused("an unclosed group") }
        return try finish(node, form)
    }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard index < scalars.count, scalars[index] == scalar else { return false }
        index += 1
        return true
    }

    func checkTime() throws(RegexError) {
        if isOver() { throw refused("more to read than there is time") }
    }

    func refused(_ what: String) -> RegexError {
        RegexError(pattern: pattern, what: what, offset: index)
    }
}

extension Unicode.Scalar {
    var asciiDigit: Int? {
        (48...57).contains(value) ? Int(value) - 48 : nil
    }
}
