/// Cuts a template into tokens, with `trim_blocks` and `lstrip_blocks` on and the last newline of the source dropped.
/// Rules: Jinja2 3.1, "Template Designer Documentation", section "Whitespace Control".
struct Lexer {
    private let source: Scalars
    private var position = 0
    private var line = 1
    private var tokens: [PlacedToken] = []
    /// Nothing stands on the current line before `position`.
    private var isLineStart = true

    private init(_ source: Scalars) {
        self.source = source
    }

    static func tokens(of template: String) throws -> [PlacedToken] {
        var source: Scalars = []
        source.reserveCapacity(template.utf8.count)
        var previous: Unicode.Scalar?
        for scalar in template.unicodeScalars {
            if scalar == "\r" {
                source.append("\n")
            } else if !(scalar == "\n" && previous == "\r") {
                source.append(scalar)
            }
            previous = scalar
        }
        if source.last == "\n" { source.removeLast() }
        var lexer = Lexer(source)
        try lexer.run()
        return lexer.tokens
    }

    private mutating func run() throws {
        while position < source.count {
            let begin = nextTag(from: position)
            guard let begin else {
                emitData(source[position...])
                advance(to: source.count)
                break
            }
            let kind = source[begin + 1]
            let sign = begin + 2 < source.count ? source[begin + 2] : " "
            emitData(textBefore(begin, sign: sign, isVariable: kind == "{"))
            advance(to: begin + 2)
            if sign == "-" || (sign == "+" && kind != "{") { advance(to: position + 1) }
            switch kind {
            case "#": try skipComment()
            case "%":
                if try !skipRaw() {
                    append(.blockBegin)
                    try lexTag(end: "%")
                }
            default:
                append(.variableBegin)
                try lexTag(end: "}")
            }
        }
        append(.end)
    }

    private func nextTag(from start: Int) -> Int? {
        var index = start
        while index + 1 < source.count {
            if source[index] == "{", ["{", "%", "#"].contains(source[index + 1]) { return index }
            index += 1
        }
        return nil
    }

    /// Text up to a tag, less what the tag's sign and `lstrip_blocks` take away.
    private func textBefore(_ begin: Int, sign: Unicode.Scalar, isVariable: Bool) -> ArraySlice<Unicode.Scalar> {
        let text = Array(source[position..<begin])
        if sign == "-" { return text.stripped(start: false) }
        if sign == "+" || isVariable { return text[...] }
        let lineStart = (text.lastIndex(of: "\n") ?? -1) + 1
        let startsLine = lineStart > 0 || isLineStart
        return startsLine && text[lineStart...].allSatisfy(\.isPythonSpace) ? text[..<lineStart] : text[...]
    }

    private mutating func emitData(_ text: ArraySlice<Unicode.Scalar>) {
        if !text.isEmpty { append(.data(String(text))) }
    }

    private mutating func append(_ token: Token) {
        tokens.append(PlacedToken(token: token, line: line))
    }

    private mutating func advance(to target: Int) {
        for index in position..<target where source[index] == "\n" { line += 1 }
        if target > position { isLineStart = source[target - 1] == "\n" }
        position = target
    }

    /// After the end of a tag: `-` takes all white space, a block or comment one newline unless it ends with `+`.
    private mutating func finishTag(sign: Unicode.Scalar?, trimsNewline: Bool) {
        isLineStart = false
        if sign == "-" {
            var target = position
            while target < source.count, source[target].isPythonSpace { target += 1 }
            advance(to: target)
        } else if trimsNewline, sign != "+", position < source.count, source[position] == "\n" {
            advance(to: position + 1)
        }
    }

    private mutating func skipComment() throws {
        guard let end = source.firstRange(of: ["#", "}"], from: position) else {
            throw TemplateError.syntax("Missing end of comment tag", line: line)
        }
        let sign: Unicode.Scalar? = end.lowerBound > position ? source[end.lowerBound - 1] : nil
        advance(to: end.upperBound)
        finishTag(sign: sign == "-" || sign == "+" ? sign : nil, trimsNewline: true)
    }

    /// `{% raw %} … {% endraw %}`: text that is taken as it is.
    private mutating func skipRaw() throws -> Bool {
        guard let opening = blockTag(named: "raw", at: position) else { return false }
        advance(to: opening.end)
        finishTag(sign: opening.sign, trimsNewline: true)
        var search = position
        while let begin = source.firstRange(of: ["{", "%"], from: search) {
            var inner = begin.upperBound
            let sign: Unicode.Scalar = inner < source.count ? source[inner] : " "
            if sign == "-" || sign == "+" { inner += 1 }
            if let closing = blockTag(named: "endraw", at: inner) {
                emitData(textBefore(begin.lowerBound, sign: sign, isVariable: false))
                advance(to: closing.end)
                finishTag(sign: closing.sign, trimsNewline: true)
                return true
            }
            search = begin.upperBound
        }
        throw TemplateError.syntax("Missing end of raw directive", line: line)
    }

    /// A block tag that holds one word alone, from behind its opening delimiter.
    private func blockTag(named name: String, at start: Int) -> (end: Int, sign: Unicode.Scalar?)? {
        var index = start
        while index < source.count, source[index].isPythonSpace { index += 1 }
        let word = name.scalars
        guard source[index...].starts(with: word) else { return nil }
        index += word.count
        while index < source.count, source[index].isPythonSpace { index += 1 }
        var sign: Unicode.Scalar?
        if index < source.count, source[index] == "-" || source[index] == "+" {
            sign = source[index]
            index += 1
        }
        guard index + 1 < source.count, source[index] == "%", source[index + 1] == "}" else { return nil }
        return (index + 2, sign)
    }

    /// The tokens of one tag, up to and with its end (`%}` or `}}`).
    private mutating func lexTag(end: Unicode.Scalar) throws {
        var braces = 0
        while true {
            while position < source.count, source[position].isPythonSpace { advance(to: position + 1) }
            guard position < source.count else { throw TemplateError.syntax("unexpected end of template", line: line) }
            if braces == 0, try lexEnd(end) { return }
            let scalar = source[position]
            if scalar == "'" || scalar == "\"" {
                try lexString(quote: scalar)
            } else if ("0"..."9").contains(scalar) {
                try lexNumber()
            } else if scalar == "_" || scalar.properties.isXIDStart {
                var target = position
                while target < source.count, source[target] == "_" || source[target].properties.isXIDContinue {
                    target += 1
                }
                append(.name(String(source[position..<target])))
                advance(to: target)
            } else {
                let symbol = try lexSymbol()
                if ["(", "[", "{"].contains(symbol) { braces += 1 }
                if [")", "]", "}"].contains(symbol) { braces = max(0, braces - 1) }
            }
        }
    }

    private mutating func lexEnd(_ end: Unicode.Scalar) throws -> Bool {
        var index = position
        var sign: Unicode.Scalar?
        if source[index] == "-" || (source[index] == "+" && end == "%") {
            sign = source[index]
            index += 1
        }
        guard index + 1 < source.count, source[index] == end, source[index + 1] == "}" else { return false }
        append(end == "%" ? .blockEnd : .variableEnd)
        advance(to: index + 2)
        finishTag(sign: sign, trimsNewline: end == "%")
        return true
    }

    private mutating func lexSymbol() throws -> String {
        let two = position + 1 < source.count ? String(source[position...position + 1]) : ""
        if ["**", "//", "==", "!=", "<=", ">="].contains(two) {
            append(.symbol(two))
            advance(to: position + 2)
            return two
        }
        let one = String(source[position])
        guard "+-/*%~[](){}<>=.:|,;".contains(one) else {
            throw TemplateError.syntax("unexpected char '\(one)'", line: line)
        }
        append(.symbol(one))
        advance(to: position + 1)
        return one
    }
}

// MARK: - Literals

extension Lexer {
    private mutating func lexString(quote: Unicode.Scalar) throws {
        var text = String.UnicodeScalarView()
        var index = position + 1
        while index < source.count, source[index] != quote {
            if source[index] == "\\", index + 1 < source.count {
                index = try unescape(at: index + 1, into: &text)
            } else {
                text.append(source[index])
                index += 1
            }
        }
        guard index < source.count else { throw TemplateError.syntax("unterminated string", line: line) }
        append(.string(String(text)))
        advance(to: index + 1)
    }

    /// One escape, from behind its backslash; gives the position after it.
    private func unescape(at start: Int, into text: inout String.UnicodeScalarView) throws -> Int {
        let simple: [Unicode.Scalar: Unicode.Scalar] = [
            "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "\"": "\"", "a": "\u{7}", "b": "\u{8}",
            "f": "\u{C}", "v": "\u{B}",
        ]
        let scalar = source[start]
        if let value = simple[scalar] {
            text.append(value)
            return start + 1
        }
        if scalar == "\n" { return start + 1 }
        let widths: [Unicode.Scalar: Int] = ["x": 2, "u": 4, "U": 8]
        if let width = widths[scalar], start + width < source.count,
            let value = UInt32(String(source[start + 1...start + width]), radix: 16),
            let decoded = Unicode.Scalar(value)
        {
            text.append(decoded)
            return start + 1 + width
        }
        if ("0"..."7").contains(scalar) {
            var end = start
            while end < min(start + 3, source.count), ("0"..."7").contains(source[end]) { end += 1 }
            if let value = UInt32(String(source[start..<end]), radix: 8), let decoded = Unicode.Scalar(value) {
                text.append(decoded)
            }
            return end
        }
        guard widths[scalar] == nil else { throw TemplateError.syntax("truncated escape in a string", line: line) }
        // Python keeps the backslash of an escape that it does not know.
        text.append("\\")
        text.append(scalar)
        return start + 1
    }

    private mutating func lexNumber() throws {
        var end = position
        func digits() {
            while end < source.count, ("0"..."9").contains(source[end]) || source[end] == "_" { end += 1 }
        }
        digits()
        var isFloat = false
        if end + 1 < source.count, source[end] == ".", ("0"..."9").contains(source[end + 1]) {
            isFloat = true
            end += 1
            digits()
        }
        if end < source.count, source[end] == "e" || source[end] == "E" {
            var exponent = end + 1
            if exponent < source.count, source[exponent] == "+" || source[exponent] == "-" { exponent += 1 }
            if exponent < source.count, ("0"..."9").contains(source[exponent]) {
                isFloat = true
                end = exponent
                digits()
            }
        }
        let text = String(source[position..<end].filter { $0 != "_" })
        if isFloat, let value = Double(text) {
            append(.float(value))
        } else if let value = Int(text) {
            append(.integer(value))
        } else {
            throw TemplateError.syntax("number \(text) is too large", line: line)
        }
        advance(to: end)
    }
}
