/// Methods of Python's str.
enum StringMethods {
    static func method(_ name: String, of text: String) -> Function? {
        guard let body = table[name] else { return nil }
        return Function(name) { try body(text, $0) }
    }

    private static let table: [String: @Sendable (String, Arguments) throws -> Value] = [
        "strip": { .string(String($0.scalars.stripped(try set($1)))) },
        "lstrip": { .string(String($0.scalars.stripped(try set($1), end: false))) },
        "rstrip": { .string(String($0.scalars.stripped(try set($1), start: false))) },
        "upper": { text, _ in .string(text.uppercased()) },
        "lower": { text, _ in .string(text.lowercased()) },
        "title": { text, _ in .string(text.pythonTitle) },
        "capitalize": { text, _ in .string(text.pythonCapitalized) },
        "startswith": { text, arguments in
            .bool(try affixes(arguments).contains { text.scalars.starts(with: $0) })
        },
        "endswith": { text, arguments in
            .bool(try affixes(arguments).contains { text.scalars.reversed().starts(with: $0.reversed()) })
        },
        "removeprefix": { text, arguments in
            let part = try string(arguments, 0)
            return .string(text.scalars.starts(with: part) ? String(text.scalars.dropFirst(part.count)) : text)
        },
        "removesuffix": { text, arguments in
            let part = try string(arguments, 0)
            let ends = !part.isEmpty && text.scalars.reversed().starts(with: part.reversed())
            return .string(ends ? String(text.scalars.dropLast(part.count)) : text)
        },
        "split": { .list(try split($0.scalars, $1, fromEnd: false)) },
        "rsplit": { .list(try split($0.scalars, $1, fromEnd: true)) },
        "splitlines": { text, _ in .list(lines(text).map { .string($0) }) },
        "replace": { text, arguments in
            let limit = arguments.value(2, "count")?.integer ?? -1
            return .string(replaced(text, try string(arguments, 0), with: try string(arguments, 1), limit: limit))
        },
        "join": { text, arguments in
            .string(try (arguments.positional.first ?? .list([])).items().map(\.text).joined(separator: text))
        },
        "find": { text, arguments in
            .integer(text.scalars.firstRange(of: try string(arguments, 0), from: 0)?.lowerBound ?? -1)
        },
        "rfind": { text, arguments in
            let all = text.scalars
            return .integer(all.lastRange(of: try string(arguments, 0), before: all.count)?.lowerBound ?? -1)
        },
        "count": { text, arguments in
            .integer(separated(text.scalars, by: try string(arguments, 0), limit: -1).count - 1)
        },
        "isdigit": { text, _ in
            .bool(
                !text.isEmpty
                    && text.unicodeScalars.allSatisfy {
                        $0.properties.numericType == .decimal || $0.properties.numericType == .digit
                    })
        },
        "isalpha": { text, _ in .bool(!text.isEmpty && text.unicodeScalars.allSatisfy(\.isPythonLetter)) },
        "isalnum": { text, _ in
            .bool(
                !text.isEmpty
                    && text.unicodeScalars.allSatisfy { $0.isPythonLetter || $0.properties.numericType != nil })
        },
        "isspace": { text, _ in .bool(!text.isEmpty && text.unicodeScalars.allSatisfy(\.isPythonSpace)) },
        "isupper": { text, _ in .bool(text == text.uppercased() && text != text.lowercased()) },
        "islower": { text, _ in .bool(text == text.lowercased() && text != text.uppercased()) },
        "zfill": { text, arguments in
            let width = arguments.value(0, "width")?.integer ?? 0
            guard width <= Globals.maximumRange else { throw TemplateError.limit("a string grows too long") }
            let isSigned = text.first == "-" || text.first == "+"
            let zeros = String(repeating: "0", count: max(0, width - text.unicodeScalars.count))
            return .string(isSigned ? "\(text.prefix(1))\(zeros)\(text.dropFirst())" : zeros + text)
        },
        "encode": { text, _ in .string(text) },
    ]

    private static func string(_ arguments: Arguments, _ position: Int) throws -> Scalars {
        guard position < arguments.positional.count, case .string(let text) = arguments.positional[position] else {
            throw TemplateError.type("a string method expects a string")
        }
        return text.scalars
    }

    /// The characters to strip; nil: white space.
    private static func set(_ arguments: Arguments) throws -> Scalars? {
        guard let first = arguments.positional.first else { return nil }
        if case .none = first { return nil }
        return try string(arguments, 0)
    }

    /// One prefix or suffix, or a tuple of them.
    private static func affixes(_ arguments: Arguments) throws -> [Scalars] {
        guard case .tuple(let items)? = arguments.positional.first else { return [try string(arguments, 0)] }
        return items.map { $0.text.scalars }
    }

    private static func split(_ text: Scalars, _ arguments: Arguments, fromEnd: Bool) throws -> [Value] {
        let limit = arguments.value(1, "maxsplit")?.integer ?? -1
        guard case .string(let separator)? = arguments.value(0, "sep") else {
            return words(fromEnd ? text.reversed() : text, limit: limit, reversed: fromEnd)
        }
        guard !separator.isEmpty else { throw TemplateError.type("empty separator") }
        guard fromEnd else { return separated(text, by: separator.scalars, limit: limit).map { .string(String($0)) } }
        let parts = separated(text.reversed(), by: separator.scalars.reversed(), limit: limit)
        return parts.reversed().map { .string(String($0.reversed())) }
    }

    /// Parts between white space; the rest after `limit` cuts is one part.
    private static func words(_ text: Scalars, limit: Int, reversed: Bool) -> [Value] {
        var parts: [Scalars] = []
        var rest = text.stripped(end: false)
        while !rest.isEmpty {
            if limit >= 0, parts.count == limit {
                parts.append(Array(Array(rest).stripped(start: false)))
                break
            }
            let word = rest.prefix { !$0.isPythonSpace }
            parts.append(Array(word))
            rest = rest.dropFirst(word.count).drop(while: \.isPythonSpace)
        }
        return reversed
            ? parts.reversed().map { .string(String($0.reversed())) } : parts.map { .string(String($0)) }
    }

    static func separated(_ text: Scalars, by separator: Scalars, limit: Int) -> [ArraySlice<Unicode.Scalar>] {
        var parts: [ArraySlice<Unicode.Scalar>] = []
        var start = 0
        guard !separator.isEmpty else { return Array(repeating: [], count: text.count + 2) }
        while limit < 0 || parts.count < limit, let found = text.firstRange(of: separator, from: start) {
            parts.append(text[start..<found.lowerBound])
            start = found.upperBound
        }
        parts.append(text[start...])
        return parts
    }

    static func replaced(_ text: String, _ old: Scalars, with new: Scalars, limit: Int) -> String {
        guard old.isEmpty else {
            return String(separated(text.scalars, by: old, limit: limit).joined(separator: new))
        }
        var out: Scalars = []
        for (index, scalar) in text.unicodeScalars.enumerated() {
            if limit < 0 || index < limit { out += new }
            out.append(scalar)
        }
        if limit < 0 || text.unicodeScalars.count < limit { out += new }
        return String(out)
    }

    private static func lines(_ text: String) -> [String] {
        var lines: [String] = []
        var line = String.UnicodeScalarView()
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n" where previous == "\r": break
            case "\n", "\r", "\u{B}", "\u{C}", "\u{1C}", "\u{1D}", "\u{1E}", "\u{85}", "\u{2028}", "\u{2029}":
                lines.append(String(line))
                line = String.UnicodeScalarView()
            default: line.append(scalar)
            }
            previous = scalar
        }
        if !line.isEmpty { lines.append(String(line)) }
        return lines
    }
}

extension Unicode.Scalar {
    /// str.isalpha() of one character: the letter categories.
    fileprivate var isPythonLetter: Bool {
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }
}

extension String {
    /// str.capitalize()
    var pythonCapitalized: String {
        guard let first = unicodeScalars.first else { return self }
        return first.properties.titlecaseMapping + String(unicodeScalars.dropFirst()).lowercased()
    }

    /// str.title(): letters after something that has no case begin a word.
    var pythonTitle: String {
        var out = ""
        var isInside = false
        for scalar in unicodeScalars {
            out += isInside ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
            isInside = scalar.properties.isCased
        }
        return out
    }
}
