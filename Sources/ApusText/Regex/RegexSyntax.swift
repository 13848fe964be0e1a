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
    private let pattern: String
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var ignoresCase = false

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

    /// What follows a backslash, in a class or outside.
    private mutating func parseEscapedSet() throws(TextError) -> CodePointRanges {
        guard index < scalars.count else { throw refused("a final backslash") }
        let scalar = scalars[index]
        index += 1
        switch scalar {
        case "p", "P": return try parseProperty(isNegated: scalar == "P")
        case "s": return UnicodeTables.whitespaceRanges
        case "S": return UnicodeTables.whitespaceRanges.complement
        case "d": return UnicodeTables.category("Nd")!
        case "D": return UnicodeTables.category("Nd")!.complement
        case "w": return UnicodeTables.patternWords
        case "W": return UnicodeTables.patternWords.complement
        case "n": return CodePointRanges(["\n"] as [Unicode.Scalar])
        case "r": return CodePointRanges(["\r"] as [Unicode.Scalar])
        case "t": return CodePointRanges(["\t"] as [Unicode.Scalar])
        case "f": return CodePointRanges(["\u{C}"] as [Unicode.Scalar])
        case "v": return CodePointRanges(["\u{B}"] as [Unicode.Scalar])
        case "x", "u": return CodePointRanges([try parseHexadecimal(digits: scalar == "x" ? 2 : 4)])
        case let other where other.isASCII && (other.properties.isAlphabetic || other.asciiDigit != nil):
            throw refused("'\\\(other)'")
        default: return CodePointRanges([scalar])
        }
    }

    private mutating func parseHexadecimal(digits: Int) throws(TextError) -> Unicode.Scalar {
        let text: String
        if take("{") {
            let end = scalars[index...].firstIndex(of: "}") ?? scalars.count
            text = String(String.UnicodeScalarView(scalars[index..<end]))
            index = min(end + 1, scalars.count)
        } else {
            text = String(String.UnicodeScalarView(scalars[index..<min(index + digits, scalars.count)]))
            index += text.unicodeScalars.count
        }
        guard let value = UInt32(text, radix: 16), let scalar = Unicode.Scalar(value) else {
            throw refused("a bad hexadecimal escape")
        }
        return scalar
    }

    /// `\p{Lu}`, `\p{^Lu}`, `\p{L}`, `\pL`.
    private mutating func parseProperty(isNegated: Bool) throws(TextError) -> CodePointRanges {
        var name = ""
        var isNegated = isNegated
        if take("{") {
            if take("^") { isNegated.toggle() }
            while index < scalars.count, scalars[index] != "}" {
                name.unicodeScalars.append(scalars[index])
                index += 1
            }
            guard take("}") else { throw refused("an unclosed property") }
        } else {
            throw refused("a property without braces")
        }
        let script: [String: CodePointRanges] = ["Space": UnicodeTables.whitespaceRanges]
        guard let set = UnicodeTables.category(name) ?? script[name] else { throw refused("property \\p{\(name)}") }
        return isNegated ? set.complement : set
    }

    /// The rest of a bracket expression, `&&` included.
    private mutating func parseClass() throws(TextError) -> CodePointRanges {
        let isNegated = take("^")
        var intersected: CodePointRanges?
        var set = CodePointRanges([] as [Range<UInt32>])
        var isFirst = true
        while index < scalars.count, scalars[index] != "]" || isFirst {
            isFirst = false
            if scalars[index] == "&", index + 1 < scalars.count, scalars[index + 1] == "&" {
                index += 2
                intersected = intersected?.intersection(set) ?? set
                set = CodePointRanges([] as [Range<UInt32>])
            } else {
                set = set.union(try parseClassItem())
            }
        }
        guard take("]") else { throw refused("an unclosed class") }
        if let intersected { set = intersected.intersection(set) }
        return isNegated ? set.complement : set
    }

    private mutating func parseClassItem() throws(TextError) -> CodePointRanges {
        if take("[") {
            guard index < scalars.count, scalars[index] != ":" else { throw refused("a POSIX bracket") }
            return try parseClass()
        }
        let low = try parseClassScalar()
        guard let first = low.single, index + 1 < scalars.count, scalars[index] == "-", scalars[index + 1] != "]" else {
            return try low.single.map { (scalar) throws(TextError) in try folded(scalar) } ?? low
        }
        index += 1
        guard let last = try parseClassScalar().single, last >= first, !ignoresCase else {
            throw refused("a bad range")
        }
        return CodePointRanges([first.value..<last.value + 1])
    }

    private mutating func parseClassScalar() throws(TextError) -> CodePointRanges {
        let scalar = scalars[index]
        index += 1
        return scalar == "\\" ? try parseEscapedSet() : CodePointRanges([scalar])
    }

    /// The scalar and, where case is ignored, those with the same simple case folding.
    private func folded(_ scalar: Unicode.Scalar) throws(TextError) -> CodePointRanges {
        guard ignoresCase else { return CodePointRanges([scalar]) }
        guard scalar.isASCII else { throw refused("'\(scalar)' where case is ignored") }
        let text = String(scalar)
        var variants = Array((text.lowercased() + text.uppercased()).unicodeScalars)
        if scalar == "s" || scalar == "S" { variants.append("\u{17F}") }  // long s
        if scalar == "k" || scalar == "K" { variants.append("\u{212A}") }  // Kelvin sign
        return CodePointRanges(variants)
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard index < scalars.count, scalars[index] == scalar else { return false }
        index += 1
        return true
    }

    private func refused(_ what: String) -> TextError {
        .unsupported("pattern \(pattern): \(what) at character \(index)")
    }
}

extension CodePointRanges {
    /// The only member.
    fileprivate var single: Unicode.Scalar? {
        guard ranges.count == 1, ranges[0].count == 1 else { return nil }
        return Unicode.Scalar(ranges[0].lowerBound)
    }
}

extension Unicode.Scalar {
    fileprivate var asciiDigit: Int? {
        (48...57).contains(value) ? Int(value) - 48 : nil
    }
}
