import ApusRegex

/// Grammars in the notation of GBNF: `name ::= body`, beginning at `root`.
///
/// Bodies have strings with escapes, bracket expressions, `.`, names, groups, `|`, `*`, `+`, `?`, `{n,m}`; `#` begins a
/// comment. A body ends where the next `name ::=` begins.
struct EBNFParser {
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var depth = 0
    private var grammar = Grammar()
    private var rules: [String: Grammar.RuleID] = [:]
    private var defined: Set<String> = []
    /// In the order of their first mention.
    private var names: [String] = []

    private static let maximumDepth = 100
    private static let maximumRepetition = 100_000
    /// In a row on one atom.
    private static let mostRepetitions = 8

    private let limit: CompilationLimit

    private init(_ text: String, _ limit: CompilationLimit) {
        self.limit = limit
        scalars = Array(text.unicodeScalars)
        rules["root"] = grammar.root
    }

    static func grammar(_ text: String, _ limit: CompilationLimit) throws(GrammarError) -> Grammar {
        var parser = EBNFParser(text, limit)
        return try parser.parse()
    }

    private mutating func parse() throws(GrammarError) -> Grammar {
        skipBlanks()
        while index < scalars.count {
            guard let name = takeDefinition() else { throw invalid("expected a rule, name ::= body") }
            guard defined.insert(name).inserted else { throw invalid("rule '\(name)' is defined twice") }
            grammar.define(try rule(name), as: try parseChoice())
            skipBlanks()
        }
        guard defined.contains("root") else { throw .invalid("the grammar has no rule 'root'") }
        for name in names where !defined.contains(name) { throw .invalid("rule '\(name)' is not defined") }
        return try grammar.pruned(limit)
    }

    private mutating func rule(_ name: String) throws(GrammarError) -> Grammar.RuleID {
        if let known = rules[name] { return known }
        guard rules.count < Grammar.maximumRules else { throw .invalid("the grammar has too many rules") }
        let rule = grammar.declare(name)
        rules[name] = rule
        names.append(name)
        return rule
    }

    // MARK: Bodies

    private mutating func parseChoice() throws(GrammarError) -> GrammarExpression {
        var branches = [try parseSequence()]
        while take("|") { branches.append(try parseSequence()) }
        return .any(of: branches)
    }

    private mutating func parseSequence() throws(GrammarError) -> GrammarExpression {
        var parts: [GrammarExpression] = []
        while true {
            skipBlanks()
            guard index < scalars.count, scalars[index] != "|", scalars[index] != ")", !isAtDefinition else { break }
            parts.append(try parseRepeated())
        }
        return .joined(parts)
    }

    private mutating func parseRepeated() throws(GrammarError) -> GrammarExpression {
        var body = try parseAtom()
        var repetitions = 0
        while index < scalars.count, "*+?{".unicodeScalars.contains(scalars[index]) {
            // Expressions are walked by recursion.
            repetitions += 1
            guard repetitions <= Self.mostRepetitions else { throw invalid("too many repetitions of repetitions") }
            if scalars[index] == "{" {
                let (minimum, maximum) = try parseInterval()
                body = .repeated(body, min: minimum, max: maximum)
                continue
            }
            switch scalars[index] {
            case "*": body = .repeated(body, min: 0, max: nil)
            case "+": body = .repeated(body, min: 1, max: nil)
            default: body = .maybe(body)
            }
            index += 1
        }
        return body
    }

    /// `{n}`, `{n,}`, `{,m}` or `{n,m}`.
    private mutating func parseInterval() throws(GrammarError) -> (Int, Int?) {
        index += 1
        let minimum = takeNumber()
        var maximum = minimum
        if take(",") {
            skipBlanks()
            maximum = takeNumber()
        }
        guard take("}"), minimum != nil || maximum != nil, maximum ?? .max >= minimum ?? 0,
            max(minimum ?? 0, maximum ?? 0) <= Self.maximumRepetition
        else { throw invalid("a bad repetition") }
        return (minimum ?? 0, maximum)
    }

    private mutating func takeNumber() -> Int? {
        skipBlanks()
        var number: Int?
        while index < scalars.count, ("0"..."9").contains(scalars[index]), number ?? 0 < 1_000_000 {
            number = (number ?? 0) * 10 + Int(scalars[index].value) - 48
            index += 1
        }
        return number
    }

    private mutating func parseAtom() throws(GrammarError) -> GrammarExpression {
        try limit.check()
        switch scalars[index] {
        case "\"": return try parseString()
        case "[": return try parseClass()
        case ".":
            index += 1
            return .scalars(.all)
        case "(":
            index += 1
            depth += 1
            defer { depth -= 1 }
            guard depth <= Self.maximumDepth else { throw .invalid("groups nested too deep") }
            guard index < scalars.count, scalars[index] != "=" else {
                throw .invalid("a look-ahead (= at character \(index)")
            }
            let body = try parseChoice()
            guard take(")") else { throw invalid("an unclosed group") }
            return body
        default:
            guard let name = takeName() else { throw invalid("unexpected '\(scalars[index])'") }
            return .rule(try rule(name))
        }
    }

    private mutating func parseString() throws(GrammarError) -> GrammarExpression {
        index += 1
        var text = String.UnicodeScalarView()
        while index < scalars.count, scalars[index] != "\"" {
            guard scalars[index] != "\n" else { break }
            if scalars[index] == "\\" {
                text.append(try parseEscape())
            } else {
                text.append(scalars[index])
                index += 1
            }
        }
        guard index < scalars.count, scalars[index] == "\"" else { throw invalid("an unclosed string") }
        index += 1
        return text.isEmpty ? .empty : .text(String(text))
    }

    private mutating func parseEscape() throws(GrammarError) -> Unicode.Scalar {
        guard index + 1 < scalars.count else { throw invalid("a final backslash") }
        let letter = scalars[index + 1]
        index += 2
        switch letter {
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "b": return "\u{8}"
        case "f": return "\u{C}"
        case "v": return "\u{B}"
        case "a": return "\u{7}"
        case "0": return "\0"
        case "e": return "\u{1B}"
        case "x", "u", "U":
            let count = letter == "x" ? 2 : letter == "u" ? 4 : 8
            let digits = String(String.UnicodeScalarView(scalars[index..<min(index + count, scalars.count)]))
            guard digits.utf8.count == count, digits.allSatisfy(\.isHexDigit), let code = UInt32(digits, radix: 16),
                let scalar = Unicode.Scalar(code)
            else { throw invalid("a bad hexadecimal escape") }
            index += count
            return scalar
        case let other where other.isASCII && (other.properties.isAlphabetic || ("0"..."9").contains(other)):
            throw invalid("the unknown escape '\\\(other)'")
        default: return letter
        }
    }

    /// A bracket expression, as regular expressions have them.
    private mutating func parseClass() throws(GrammarError) -> GrammarExpression {
        let start = index
        index += 1
        if index < scalars.count, scalars[index] == "^" { index += 1 }
        if index < scalars.count, scalars[index] == "]" { index += 1 }
        while index < scalars.count, scalars[index] != "]" {
            index += scalars[index] == "\\" ? 2 : 1
        }
        guard index < scalars.count else { throw invalid("an unclosed class") }
        index += 1
        let source = String(String.UnicodeScalarView(scalars[start..<index]))
        return try RegexFrontEnd.parse(source, .python, limit).expression(limit) { .scalars(ScalarSet($0)) }
    }

    // MARK: Names

    /// `name ::=`, taken.
    private mutating func takeDefinition() -> String? {
        let mark = index
        if let name = takeName() {
            skipBlanks()
            if index + 2 < scalars.count, scalars[index] == ":", scalars[index + 1] == ":", scalars[index + 2] == "=" {
                index += 3
                return name
            }
        }
        index = mark
        return nil
    }

    private var isAtDefinition: Bool {
        var parser = self
        return parser.takeDefinition() != nil
    }

    private mutating func takeName() -> String? {
        let start = index
        while index < scalars.count, Self.isNamePart(scalars[index], isFirst: index == start) { index += 1 }
        return index == start ? nil : String(String.UnicodeScalarView(scalars[start..<index]))
    }

    private static func isNamePart(_ scalar: Unicode.Scalar, isFirst: Bool) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "_": true
        case "0"..."9", "-": !isFirst
        default: false
        }
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard index < scalars.count, scalars[index] == scalar else { return false }
        index += 1
        return true
    }

    private mutating func skipBlanks() {
        while index < scalars.count {
            if scalars[index] == "#" {
                while index < scalars.count, scalars[index] != "\n" { index += 1 }
            } else if scalars[index].properties.isWhitespace {
                index += 1
            } else {
                return
            }
        }
    }

    private func invalid(_ reason: String) -> GrammarError { .invalid("\(reason) at character \(index)") }
}
