import ApusRegex

/// What is asked of a place in the text, and of what groups have matched before it.
extension RegexMatcher {
    func isMember(before offset: Int, set: Int) -> Bool {
        regex.sets[set].contains(text.scalar(at: text.offset(before: offset)).code)
    }

    mutating func holds(_ assertion: Int32, at offset: Int) -> Bool {
        let newline = UInt8(ascii: "\n")
        guard let assertion = RegexNode.Assertion(rawValue: assertion) else {
            preconditionFailure("no assertion \(assertion)")
        }
        switch assertion {
        case .textStart: return offset == 0
        case .lineStart where offset == 0: return true
        // Oniguruma: the text's last line break begins no line.
        case .lineStart: return text[offset - 1] == newline && (regex.isPython || offset < text.count)
        case .lineEnd where offset < text.count: return text[offset] == newline
        case .textEnd where offset < text.count: return false
        case .textEndOrLastBreak where offset < text.count - 1: return false
        case .lineEnd, .textEnd:
            sawEnd = true
            return true
        case .textEndOrLastBreak:
            sawEnd = true
            return offset == text.count || text[offset] == newline
        case .wordBorder: return isBorder(offset, regex.words) ?? false
        case .noWordBorder: return isBorder(offset, regex.words).map { !$0 } ?? false
        case .asciiWordBorder: return isBorder(offset, Regex.asciiWords) ?? false
        case .noASCIIWordBorder: return isBorder(offset, Regex.asciiWords).map { !$0 } ?? false
        }
    }

    /// nil: Python finds no place of either kind in an empty text.
    private mutating func isBorder(_ offset: Int, _ words: CodePointSet) -> Bool? {
        if offset == text.count { sawEnd = true }
        if text.isEmpty, regex.isPython { return nil }
        let before = offset > 0 && words.contains(text.scalar(at: text.offset(before: offset)).code)
        let after = offset < text.count && words.contains(text.scalar(at: offset).code)
        return before != after
    }

    /// What a group matched, at `offset` once more, which moves behind it.
    mutating func repeats(_ instruction: Regex.Instruction, _ offset: inout Int) -> Bool {
        guard let group = group(instruction.first), let rule = RegexNode.CaseRule(rawValue: instruction.second) else {
            return false
        }
        var place = group.lowerBound
        while place < group.upperBound {
            guard offset < text.count else {
                sawEnd = true
                return false
            }
            let (one, afterOne) = text.scalar(at: place)
            let (other, afterOther) = text.scalar(at: offset)
            guard rule.areEqual(one, other) else { return false }
            (place, offset) = (afterOne, afterOther)
            stepsLeft -= 1
        }
        return true
    }
}

extension RegexNode.CaseRule {
    fileprivate func areEqual(_ one: UInt32, _ other: UInt32) -> Bool {
        switch self {
        case .exact: one == other
        case .ignoresASCII: CaseClasses.asciiLower(one) == CaseClasses.asciiLower(other)
        case .ignoresAll: one == other || CaseClasses.lower(one) == CaseClasses.lower(other)
        }
    }
}
