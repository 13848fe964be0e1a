/// A parsed pattern: the part of Oniguruma's Ruby syntax that tokenizers use.
indirect enum RegexNode {
    case empty
    case set(CodePointRanges)
    case sequence([RegexNode])
    case alternatives([RegexNode])
    case repeated(RegexNode, minimum: Int, maximum: Int?, RepeatKind)
    case lookahead(RegexNode, isNegative: Bool)
    case lookbehind(CodePointRanges, isNegative: Bool)
    case atomic(RegexNode)
    case assertion(Assertion)

    enum RepeatKind { case greedy, lazy, possessive }

    /// `^` and `$` are borders of lines, `\A` and `\z` those of the text, `\b` and `\B` concern `\w`.
    enum Assertion: Int32 { case lineStart, lineEnd, textStart, textEnd, wordBorder, noWordBorder }
}

/// Reads a pattern. What it does not know it refuses: a pattern that is read otherwise than meant gives wrong ids.
struct RegexParser {
    let pattern: String
    let scalars: [Unicode.Scalar]
    var index = 0
    var ignoresCase = false
    var depth = 0

    /// Groups in one another: reading and matching recurse.
    static let maximumDepth = 100

    init(_ pattern: String) {
        self.pattern = pattern
        scalars = Array(pattern.unicodeScalars)
    }

    mutating func parse() throws(TextError) -> RegexNode {
        let node = try parseAlternatives()
        guard index == scalars.count else { throw refused("an unmatched ')'") }
        return node
    }

    private mutating func parseAlternatives() throws(TextError) -> RegexNode {
        // An option such as (?i) holds to the end of the group around it.
        let outerCase = ignoresCase
        defer { ignoresCase = outerCase }
        var branches = [try parseSequence()]
        while take("|") { branches.append(try parseSequence()) }
        return branches.count == 1 ? branches[0] : .alternatives(branches)
    }

    private mutating func parseSequence() throws(TextError) -> RegexNode {
        var nodes: [RegexNode] = []
        while index < scalars.count, scalars[index] != "|", scalars[index] != ")" {
            nodes.append(try parseRepeated())
        }
        return nodes.count == 1 ? nodes[0] : nodes.isEmpty ? .empty : .sequence(nodes)
    }

    private mutating func parseRepeated() throws(TextError) -> RegexNode {
        var node = try parseAtom()
        while index < scalars.count {
            let mark = index
            var minimum = 0
            var maximum: Int?
            var isInterval = false
            switch scalars[index] {
            case "*": index += 1
            case "+": (minimum, index) = (1, index + 1)
            case "?": (maximum, index) = (1, index + 1)
            case "{":
                guard let interval = parseInterval() else { throw refused("'{' that begins no interval") }
                (minimum, maximum, isInterval) = (interval.0, interval.1, true)
            default: return node
            }
            if case .assertion = node { throw refused("a repeated assertion") }
            var kind = RegexNode.RepeatKind.greedy
            if take("?") {
                kind = .lazy
            } else if !isInterval, take("+") {
                // After an interval, '+' repeats the interval in Ruby's syntax.
                kind = .possessive
            }
            guard index > mark, maximum.map({ $0 >= minimum }) ?? true else {
                throw refused("an interval {n,m}, n > m")
            }
            node = .repeated(node, minimum: minimum, maximum: maximum, kind)
        }
        return node
    }

    /// `{n}`, `{n,}`, `{,m}` or `{n,m}`.
    private mutating func parseInterval() -> (Int, Int?)? {
        let mark = index
        index += 1
        let minimum = parseInteger()
        var maximum = minimum
        if take(",") { maximum = parseInteger() } else if minimum == nil { maximum = nil }
        guard take("}"), minimum != nil || maximum != nil else {
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

    private mutating func parseAtom() throws(TextError) -> RegexNode {
        let scalar = scalars[index]
        index += 1
        switch scalar {
        case "(": return try parseGroup()
        case "[": return .set(try parseClass())
        case ".": return .set(CodePointRanges(["\n"] as [Unicode.Scalar]).complement)
        case "^": return .assertion(.lineStart)
        case "$": return .assertion(.lineEnd)
        case "\\": return try parseEscape()
        case "*", "+", "?": throw refused("'\(scalar)' with nothing to repeat")
        default: return .set(try folded(scalar))
        }
    }

    private mutating func parseGroup() throws(TextError) -> RegexNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw refused("groups nested too deep") }
        var finish: (RegexNode) throws(TextError) -> RegexNode = { $0 }
        let outerCase = ignoresCase
        if take("?") {
            if take("=") {
                finish = { .lookahead($0, isNegative: false) }
            } else if take("!") {
                finish = { .lookahead($0, isNegative: true) }
            } else if take(">") {
                finish = { .atomic($0) }
            } else if take("<") {
                let isNegative = take("!")
                guard isNegative || take("=") else { throw refused("a named group") }
                finish = { (node) throws(TextError) in
                    guard case .set(let set) = node else {
                        throw TextError.unsupported("lookbehind of more than a class")
                    }
                    return .lookbehind(set, isNegative: isNegative)
                }
            } else {
                let isOff = take("-")
                if take("i") { ignoresCase = !isOff }
                if take(")") { return .empty }
                guard take(":") else { throw refused("a group option other than i") }
            }
        }
        let node = try parseAlternatives()
        ignoresCase = outerCase
        guard take(")") else { throw refused("an unclosed group") }
        return try finish(node)
    }

    private mutating func parseEscape() throws(TextError) -> RegexNode {
        guard index < scalars.count else { throw refused("a final backslash") }
        switch scalars[index] {
        case "A": return assertion(.textStart)
        case "z": return assertion(.textEnd)
        case "b": return assertion(.wordBorder)
        case "B": return assertion(.noWordBorder)
        default: return .set(try parseEscapedSet())
        }
    }

    private mutating func assertion(_ assertion: RegexNode.Assertion) -> RegexNode {
        index += 1
        return .assertion(assertion)
    }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard index < scalars.count, scalars[index] == scalar else { return false }
        index += 1
        return true
    }

    func refused(_ what: String) -> TextError {
        .unsupported("pattern \(pattern): \(what) at character \(index)")
    }
}

extension Unicode.Scalar {
    var asciiDigit: Int? {
        (48...57).contains(value) ? Int(value) - 48 : nil
    }
}
