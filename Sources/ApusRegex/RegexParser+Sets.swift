/// Sets of characters: escapes, properties, bracket expressions.
extension RegexParser {
    /// What follows a backslash, in a class or outside.
    mutating func parseEscapedSet() throws(RegexError) -> CodePointRanges {
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

    private mutating func parseHexadecimal(digits: Int) throws(RegexError) -> Unicode.Scalar {
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

    /// `\p{Lu}`, `\p{^Lu}`, `\p{L}`, `\p{Space}`; braces are required.
    mutating func parseProperty(isNegated: Bool) throws(RegexError) -> CodePointRanges {
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
    mutating func parseClass() throws(RegexError) -> CodePointRanges {
        let isNegated = take("^")
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw refused("classes nested too deep") }
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

    private mutating func parseClassItem() throws(RegexError) -> CodePointRanges {
        if take("[") {
            guard index < scalars.count, scalars[index] != ":" else { throw refused("a POSIX bracket") }
            return try parseClass()
        }
        let low = try parseClassScalar()
        guard let first = low.single, index + 1 < scalars.count, scalars[index] == "-", scalars[index + 1] != "]" else {
            return low.single == nil ? low : try folded(low)
        }
        index += 1
        guard let last = try parseClassScalar().single, last >= first, !options.ignoresCase else {
            throw refused("a bad range")
        }
        return CodePointRanges([first..<last + 1])
    }

    private mutating func parseClassScalar() throws(RegexError) -> CodePointRanges {
        let scalar = scalars[index]
        index += 1
        return scalar == "\\" ? try parseEscapedSet() : CodePointRanges([scalar])
    }

    /// The set and, where case is ignored, what is equal to its members.
    func folded(_ set: CodePointRanges) throws(RegexError) -> CodePointRanges {
        guard options.ignoresCase else { return set }
        if syntax == .python { return options.isASCII ? CaseClasses.asciiClosed(set) : CaseClasses.closed(set) }
        // Dialects differ beyond ASCII.
        guard let last = set.ranges.last, last.upperBound <= 128 else {
            throw refused("more than ASCII where case is ignored")
        }
        var folded = set
        for code in set.ranges.joined() { folded = folded.union(try variants(Unicode.Scalar(UInt8(code)))) }
        return folded
    }

    /// Simple case folding.
    private func variants(_ scalar: Unicode.Scalar) throws(RegexError) -> CodePointRanges {
        let text = String(scalar)
        var variants = Array((text.lowercased() + text.uppercased()).unicodeScalars)
        if scalar == "s" || scalar == "S" { variants.append("\u{17F}") }  // long s
        if scalar == "k" || scalar == "K" { variants.append("\u{212A}") }  // Kelvin sign
        // Python lowers the capital with a dot to i, and takes the small one without for equal.
        if !isRuby, scalar == "i" || scalar == "I" { variants += ["\u{130}", "\u{131}"] }
        return CodePointRanges(variants)
    }
}
