/// What may follow an opening parenthesis.
extension RegexParser {
    enum GroupForm {
        case plain
        /// Nothing follows: an option for the rest of the group around it.
        case complete
        /// Remembers what it matches, under this number.
        case captured(Int)
        case lookahead(isNegative: Bool)
        case lookbehind(isNegative: Bool)
        case atomic
        /// One of two branches, depending on whether the group of this number has matched.
        case conditional(Int)
        /// Stands for itself; nothing is inside.
        case reference(RegexNode)
    }

    /// What stands between the parentheses, or what a condition makes of it.
    mutating func parseInside(_ form: GroupForm) throws(RegexError) -> RegexNode {
        switch form {
        case .lookbehind:
            let outer = groups.enterLookbehind()
            defer { groups.leaveLookbehind(outer) }
            return try parseAlternatives()
        case .conditional(let group):
            let node = try parseSequence()
            let other = take("|") ? try parseSequence() : .empty
            if take("|") { throw refused("a condition with more than two branches") }
            return .conditional(group: group, node, other)
        case .reference(let node): return node
        default: return try parseAlternatives()
        }
    }

    mutating func finish(_ node: RegexNode, _ form: GroupForm) throws(RegexError) -> RegexNode {
        switch form {
        case .plain, .complete, .conditional, .reference: return node
        case .captured(let number):
            groups.close(number, node.width(groups))
            return .group(node, number: number)
        case .lookahead(let isNegative): return .lookahead(node, isNegative: isNegative)
        case .atomic: return .atomic(node)
        case .lookbehind(let isNegative):
            let width = node.width(groups)
            guard width.minimum == width.maximum, width.maximum != .max else {
                throw refused("look-behind of no fixed length")
            }
            guard let set = node.characters else {
                guard !isRuby else { throw refused("look-behind of more than one character") }
                return .lookbehind(node, width: width.maximum, isNegative: isNegative)
            }
            return .lookbehind(.set(set), width: 1, isNegative: isNegative)
        }
    }

    mutating func reference(to group: Int) throws(RegexError) -> RegexNode {
        if let objection = groups.refer(to: group, isCondition: false) { throw refused(objection) }
        return .reference(
            group: group, options.ignoresCase ? options.isASCII ? .ignoresASCII : .ignoresAll : .exact)
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
        guard take("?") else { return try captured() }
        guard index < scalars.count else { throw refused("an unclosed group") }
        switch scalars[index] {
        case ":":
            index += 1
            return .plain
        case "=", "!":
            index += 1
            return .lookahead(isNegative: scalars[index - 1] == "!")
        case ">" where syntax == .python:
            index += 1
            return .atomic
        case ">": throw refused("an atomic group (?>")
        case "(": return .conditional(try takeCondition())
        case "P", "<":
            let isPython = take("P")
            if isPython, take("=") { return try takeNamedReference() }
            guard take("<") else { throw refused("(?P that begins no named group") }
            if !isPython, index < scalars.count, "=!".unicodeScalars.contains(scalars[index]) {
                index += 1
                return .lookbehind(isNegative: scalars[index - 1] == "!")
            }
            // ECMAScript writes (?<name>…), Python (?P<name>…).
            guard isPython || syntax != .python else { throw refused("a group (?<, which Python writes (?P<") }
            return try captured(as: takeName(until: ">"))
        default: return try takeScopedFlags()
        }
    }

    /// Dialects without references remember nothing.
    private mutating func captured(as name: String? = nil) throws(RegexError) -> GroupForm {
        guard let number = groups.open(name) else { throw refused("two groups of one name") }
        return syntax == .python ? .captured(number) : .plain
    }

    private mutating func takeName(until end: Unicode.Scalar) throws(RegexError) -> String {
        let start = index
        while index < scalars.count, scalars[index] != end {
            let properties = scalars[index].properties
            guard index == start ? properties.isXIDStart || scalars[index] == "_" : properties.isXIDContinue else {
                throw refused("a bad group name")
            }
            index += 1
        }
        guard index > start, take(end) else { throw refused("a bad group name") }
        return String(String.UnicodeScalarView(scalars[start..<index - 1]))
    }

    /// `(?P=name)`: a back reference that stands where a group would; the parenthesis that closes it is left.
    private mutating func takeNamedReference() throws(RegexError) -> GroupForm {
        guard syntax == .python else { throw refused("a back reference (?P=") }
        let name = try takeName(until: ")")
        guard let number = groups.names[name] else { throw refused("no group '\(name)'") }
        index -= 1
        return .reference(try reference(to: number))
    }

    /// `(1)` or `(name)` behind `(?`.
    private mutating func takeCondition() throws(RegexError) -> Int {
        guard syntax == .python else { throw refused("a conditional (?(") }
        index += 1
        let digits = scalars[index...].prefix { $0.asciiDigit != nil }
        let number: Int
        if digits.isEmpty {
            let name = try takeName(until: ")")
            guard let named = groups.names[name] else { throw refused("no group '\(name)'") }
            number = named
        } else {
            index += digits.count
            guard take(")"), digits.count < 10 else { throw refused("a bad group number") }
            number = digits.compactMap(\.asciiDigit).reduce(0) { $0 * 10 + $1 }
        }
        if let objection = groups.refer(to: number, isCondition: true) { throw refused(objection) }
        return number
    }

    /// Comments, and white space where it means nothing. A backslash keeps the next character from ending a comment.
    mutating func skipIgnored() throws(RegexError) {
        guard !isRuby else { return }
        while index < scalars.count {
            if options.isVerbose, " \t\n\r\u{B}\u{C}".unicodeScalars.contains(scalars[index]) {
                index += 1
            } else if options.isVerbose, scalars[index] == "#" {
                _ = skip(past: "\n")
            } else if scalars[index...].starts(with: "(?#".unicodeScalars) {
                guard skip(past: ")") else { throw refused("an unclosed comment") }
            } else {
                return
            }
        }
    }

    private mutating func skip(past end: Unicode.Scalar) -> Bool {
        while index < scalars.count {
            if take(end) { return true }
            index = min(index + (scalars[index] == "\\" ? 2 : 1), scalars.count)
        }
        return false
    }

    /// `(?i)` and its like, before all but comments.
    mutating func takeGlobalFlags() throws(RegexError) {
        var seen: Set<Unicode.Scalar> = []
        while true {
            try skipIgnored()
            guard scalars[index...].starts(with: "(?".unicodeScalars) else { return }
            let flags = scalars[(index + 2)...].prefix { "aimsuLx".unicodeScalars.contains($0) }
            guard !flags.isEmpty, flags.endIndex < scalars.count, scalars[flags.endIndex] == ")" else { return }
            for flag in flags { try set(flag, to: true) }
            seen.formUnion(flags)
            guard !seen.isSuperset(of: ["a", "u"]) else { throw refused("flags that contradict one another") }
            index = flags.endIndex + 1
        }
    }

    /// `(?i:` or `(?-i:`.
    private mutating func takeScopedFlags() throws(RegexError) -> GroupForm {
        var (on, off): (Set<Unicode.Scalar>, Set<Unicode.Scalar>?) = ([], nil)
        while index < scalars.count, scalars[index] != ":" {
            let flag = scalars[index]
            guard flag != ")" else { throw refused("flags that are not at the start") }
            if flag == "-", off == nil {
                off = []
            } else {
                try set(flag, to: off == nil)
                if off?.insert(flag) == nil { on.insert(flag) }
            }
            index += 1
        }
        guard !(off?.isEmpty ?? false), on.isDisjoint(with: off ?? []), !on.isSuperset(of: ["a", "u"]) else {
            throw refused("flags that contradict one another")
        }
        guard take(":") else { throw refused("an unclosed group") }
        return .plain
    }

    private mutating func set(_ flag: Unicode.Scalar, to isOn: Bool) throws(RegexError) {
        switch flag {
        case "i": options.ignoresCase = isOn
        case "s": options.dotTakesAll = isOn
        case "m": options.isMultiline = isOn
        case "x" where syntax == .python: options.isVerbose = isOn
        case "a" where isOn: options.isASCII = true
        case "u" where isOn: options.isASCII = false
        default: throw refused("the flag '\(flag)'")
        }
    }
}
