/// Python's escapes and bracket expressions.
extension RegexParser {
    /// A set twice, where dialects differ: what is in it for all of them, and what is for any of them. Negating turns one
    /// into the other.
    struct AgreedSet {
        var narrow: CodePointRanges
        var wide: CodePointRanges

        init(_ set: CodePointRanges) { (narrow, wide) = (set, set) }

        init(narrow: CodePointRanges, wide: CodePointRanges) { (self.narrow, self.wide) = (narrow, wide) }

        var complement: AgreedSet { AgreedSet(narrow: wide.complement, wide: narrow.complement) }
    }

    /// What follows a backslash and is no assertion.
    mutating func parsePythonEscape(inClass: Bool) throws(RegexError) -> AgreedSet {
        guard index < scalars.count else { throw refused("a final backslash") }
        let scalar = scalars[index]
        index += 1
        switch scalar {
        case "d": return PythonClasses.digits(self)
        case "D": return PythonClasses.digits(self).complement
        case "s": return PythonClasses.spaces(self)
        case "S": return PythonClasses.spaces(self).complement
        case "w": return PythonClasses.words(self)
        case "W": return PythonClasses.words(self).complement
        case "p" where syntax != .python: return AgreedSet(try parseProperty(isNegated: false))
        case "P" where syntax != .python: return AgreedSet(try parseProperty(isNegated: true))
        case "a": return only("\u{7}")
        case "b" where inClass: return only("\u{8}")
        case "f": return only("\u{C}")
        case "n": return only("\n")
        case "r": return only("\r")
        case "t": return only("\t")
        case "v": return only("\u{B}")
        case "x": return try hexadecimal(digits: 2)
        case "u": return try hexadecimal(digits: 4)
        case "U": return try hexadecimal(digits: 8)
        case "N" where syntax == .python: throw refused("a character by its name, \\N")
        case "0"..."9": return only(try octal(from: scalar, inClass: inClass))
        case let other where other.isASCII && other.properties.isAlphabetic: throw refused("'\\\(other)'")
        default: return only(scalar)
        }
    }

    func chosen(_ set: AgreedSet) -> CodePointRanges { syntax == .permissive ? set.wide : set.narrow }

    private func only(_ scalar: Unicode.Scalar) -> AgreedSet { AgreedSet(CodePointRanges([scalar])) }

    /// A code point; Python's patterns may name halves of surrogate pairs, which no text has.
    private mutating func hexadecimal(digits: Int) throws(RegexError) -> AgreedSet {
        let end = min(index + digits, scalars.count)
        let text = String(String.UnicodeScalarView(scalars[index..<end]))
        guard text.utf8.count == digits, text.allSatisfy(\.isHexDigit), let code = UInt32(text, radix: 16),
            code < CodePointRanges.end, syntax == .python || Unicode.Scalar(code) != nil
        else { throw refused("a bad hexadecimal escape") }
        index = end
        return AgreedSet(CodePointRanges([code..<code + 1]))
    }

    /// `\0`, `\012` and `\123` are octal; `\1` and `\12` are what a group matched.
    private mutating func octal(from first: Unicode.Scalar, inClass: Bool) throws(RegexError) -> Unicode.Scalar {
        var digits = [Int(first.value) - 48]
        while digits.count < 3, index < scalars.count, let digit = scalars[index].asciiDigit, digit < 8 {
            digits.append(digit)
            index += 1
        }
        guard digits[0] < 8, first == "0" || inClass || digits.count == 3 else {
            throw refused("a back reference \\\(first)")
        }
        guard let scalar = Unicode.Scalar(UInt32(digits.reduce(0) { $0 * 8 + $1 })), scalar.value < 256 else {
            throw refused("an octal escape beyond \\377")
        }
        return scalar
    }

    /// The number of a group, if that is what follows a backslash: not `\0`, not three octal digits.
    mutating func takeGroupNumber() -> Int? {
        let digits = scalars[index...].prefix(3).prefix { $0.asciiDigit != nil }.compactMap(\.asciiDigit)
        guard let first = digits.first, first > 0, digits.count < 3 || digits.contains(where: { $0 > 7 }) else {
            return nil
        }
        index += min(digits.count, 2)
        return digits.prefix(2).reduce(0) { $0 * 10 + $1 }
    }

    /// The rest of a bracket expression.
    mutating func parsePythonClass() throws(RegexError) -> CodePointRanges {
        let isNegated = take("^")
        var narrow = CodePointRanges.Collector()
        var wide = CodePointRanges.Collector()
        var isFirst = true
        while index < scalars.count, scalars[index] != "]" || isFirst {
            isFirst = false
            try checkTime()
            let item = try parsePythonClassItem()
            narrow.add(item.narrow)
            wide.add(item.wide)
        }
        guard take("]") else { throw refused("an unclosed class") }
        let set = AgreedSet(narrow: narrow.set, wide: wide.set)
        return chosen(isNegated ? set.complement : set)
    }

    private mutating func parsePythonClassItem() throws(RegexError) -> AgreedSet {
        let low = try parsePythonClassScalar()
        guard index + 1 < scalars.count, scalars[index] == "-", scalars[index + 1] != "]" else {
            return low.narrow.single == nil ? low : AgreedSet(try folded(low.narrow))
        }
        index += 1
        let high = try parsePythonClassScalar()
        guard let first = low.narrow.single, let last = high.narrow.single, last >= first else {
            throw refused("a bad range")
        }
        return AgreedSet(try folded(CodePointRanges([first..<last + 1])))
    }

    private mutating func parsePythonClassScalar() throws(RegexError) -> AgreedSet {
        let scalar = scalars[index]
        guard scalar == "\\" else {
            index += 1
            return only(scalar)
        }
        index += 1
        return try parsePythonEscape(inClass: true)
    }
}

/// `\d`, `\s` and `\w`.
package enum PythonClasses {
    private static let asciiDigits = CodePointRanges([48..<58])
    private static let asciiSpaces = CodePointRanges([9..<14, 32..<33])
    package static let asciiWords = CodePointRanges([48..<58, 65..<91, 95..<96, 97..<123])
    private static let pythonDigits = UnicodeTables.category("Nd")!
    /// `str.isspace`: what separates paragraphs, lines or words, in Unicode's eyes or ASCII's.
    private static let pythonSpaces = UnicodeTables.whitespaceRanges.union(CodePointRanges([28..<32]))
    /// `str.isalnum`, and the underscore.
    package static let pythonWords = UnicodeTables.category("L")!.union(UnicodeTables.category("N")!).union(asciiWords)
    /// White space, line ends and the byte order mark.
    private static let ecmaSpaces = UnicodeTables.whitespaceRanges.subtracting(CodePointRanges([0x85..<0x86]))
        .union(CodePointRanges([0xFEFF..<0xFF00]))
    private static let agreedSpaces = RegexParser.AgreedSet(
        narrow: pythonSpaces.intersection(ecmaSpaces), wide: pythonSpaces.union(ecmaSpaces))

    static func digits(_ parser: RegexParser) -> RegexParser.AgreedSet {
        choose(parser, ascii: asciiDigits, python: pythonDigits, both: .init(narrow: asciiDigits, wide: pythonDigits))
    }

    static func spaces(_ parser: RegexParser) -> RegexParser.AgreedSet {
        choose(parser, ascii: asciiSpaces, python: pythonSpaces, both: agreedSpaces)
    }

    static func words(_ parser: RegexParser) -> RegexParser.AgreedSet {
        choose(parser, ascii: asciiWords, python: pythonWords, both: .init(narrow: asciiWords, wide: pythonWords))
    }

    private static func choose(
        _ parser: RegexParser, ascii: CodePointRanges, python: CodePointRanges, both: RegexParser.AgreedSet
    ) -> RegexParser.AgreedSet {
        if parser.options.isASCII { return .init(ascii) }
        return parser.syntax == .python ? .init(python) : both
    }
}
