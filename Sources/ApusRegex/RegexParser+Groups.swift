/// What may follow an opening parenthesis.
extension RegexParser {
    enum GroupForm {
        case plain
        /// Nothing follows: a comment, or an option for the rest of the group around it.
        case complete
        case lookahead(isNegative: Bool)
        case lookbehind(isNegative: Bool)
        case atomic
    }

    func finish(_ node: RegexNode, _ form: GroupForm) throws(RegexError) -> RegexNode {
        switch form {
        case .plain, .complete: return node
        case .lookahead(let isNegative):
            if isRuby { return .lookahead(node, isNegative: isNegative) }
            guard let set = node.characters else { throw refused("look-ahead of more than one character") }
            return .lookahead(.set(set), isNegative: isNegative)
        case .atomic: return .atomic(node)
        case .lookbehind(let isNegative):
            guard let set = node.characters else { throw refused("look-behind of more than one character") }
            return .lookbehind(set, isNegative: isNegative)
        }
    }

    mutating func openRubyGroup() throws(RegexError) -> GroupForm {
        guard take("?") else { return .plain }
        if take("=") { return .lookahead(isNegative: false) }
        if take("!") { return .lookahead(isNegative: true) }
        if take(">") { return .atomic }
        if take("<") {
            let isNegative = take("!")
            guard isNegative || take("=") else { throw refused("a named group") }
            return .lookbehind(isNegative: isNegative)
        }
        let isOff = take("-")
        if take("i") { options.ignoresCase = !isOff }
        if take(")") { return .complete }
        guard take(":") else { throw refused("a group option other than i") }
        return .plain
    }

    mutating func openPythonGroup() throws(RegexError) -> GroupForm {
        guard take("?") else { return .plain }
        guard index < scalars.count else { throw refused("an unclosed group") }
        switch scalars[index] {
        case ":":
            index += 1
            return .plain
        case "#":
            while index < scalars.count, scalars[index] != ")" { index += 1 }
            guard take(")") else { throw refused("an unclosed comment") }
            return .complete
        case "=", "!":
            index += 1
            return .lookahead(isNegative: scalars[index - 1] == "!")
        case ">": throw refused("an atomic group (?>")
        case "(": throw refused("a conditional (?(")
        case "P", "<":
            let isPython = take("P")
            if take("=") { throw refused("a back reference (?P=") }
            guard take("<") else { throw refused("(?P that begins no named group") }
            if !isPython, index < scalars.count, "=!".unicodeScalars.contains(scalars[index]) {
                index += 1
                return .lookbehind(isNegative: scalars[index - 1] == "!")
            }
            // ECMAScript writes (?<name>…), Python (?P<name>…).
            guard isPython || syntax != .python else { throw refused("a group (?<, which Python writes (?P<") }
            return try takeName()
        default: return try takeScopedFlags()
        }
    }

    private mutating func takeName() throws(RegexError) -> GroupForm {
        let start = index
        while index < scalars.count, scalars[index] != ">" {
            let properties = scalars[index].properties
            guard index == start ? properties.isXIDStart || scalars[index] == "_" : properties.isXIDContinue else {
                throw refused("a bad group name")
            }
            index += 1
        }
        guard index > start, take(">") else { throw refused("a bad group name") }
        return .plain
    }

    /// `(?i)` and its like at the very start.
    mutating func takeGlobalFlags() throws(RegexError) {
        while index + 1 < scalars.count, scalars[index] == "(", scalars[index + 1] == "?" {
            var end = index + 2
            while end < scalars.count, "aimsuLx".unicodeScalars.contains(scalars[end]) { end += 1 }
            guard end > index + 2, end < scalars.count, scalars[end] == ")" else { return }
            let flags = scalars[(index + 2)..<end]
            for flag in flags { try set(flag, to: true) }
            index = end + 1
        }
    }

    /// `(?i:` or `(?-i:`.
    private mutating func takeScopedFlags() throws(RegexError) -> GroupForm {
        var isOn = true
        while index < scalars.count, scalars[index] != ":" {
            let flag = scalars[index]
            guard flag != ")" else { throw refused("flags that are not at the start") }
            if flag == "-", isOn { isOn = false } else { try set(flag, to: isOn) }
            index += 1
        }
        guard take(":") else { throw refused("an unclosed group") }
        return .plain
    }

    private mutating func set(_ flag: Unicode.Scalar, to isOn: Bool) throws(RegexError) {
        switch flag {
        case "i": options.ignoresCase = isOn
        case "s": options.dotTakesAll = isOn
        case "m": options.isMultiline = isOn
        case "a" where isOn: options.isASCII = true
        case "u" where isOn: options.isASCII = false
        default: throw refused("the flag '\(flag)'")
        }
    }
}
