import ApusJSON

/// Looks at the beginning of text that may be a call and has not come to its end yet.
struct CallScanner {
    enum Outcome: Equatable {
        /// More text is needed to tell.
        case open
        case no
        /// So many scalars of it.
        case yes(used: Int)
    }

    private let scalars: [Unicode.Scalar]
    private var index = 0

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    /// `{"name": "…", "arguments": ` with an object to follow: the tool that is called.
    /// - Parameter opening: what may stand before it.
    static func head(
        of text: String, opening: Unicode.Scalar? = nil, tools: [String]
    ) -> (outcome: Outcome, tool: Int) {
        var scanner = CallScanner(text)
        if let opening { _ = scanner.take(opening) }
        guard scanner.take("{") else { return (scanner.failure, 0) }
        guard let key = scanner.string() else { return (scanner.failure, 0) }
        guard key == "name", scanner.take(":"), let name = scanner.string(), scanner.take(","),
            let member = scanner.string(), member == "arguments" || member == "parameters", scanner.take(":")
        else { return (scanner.failure, 0) }
        let used = scanner.index
        guard scanner.take("{") else { return (scanner.failure, 0) }
        guard let tool = tools.firstIndex(of: name) else { return (.no, 0) }
        return (.yes(used: used), tool)
    }

    /// The brace that ends a call, behind members that nobody asked for; then `mark`.
    static func end(of text: String, mark: String) -> Outcome {
        var scanner = CallScanner(text)
        if scanner.take(","), !scanner.skipToBrace() { return .open }
        guard scanner.take("}") else { return scanner.failure }
        scanner.skipBlanks()
        for scalar in mark.unicodeScalars {
            guard scanner.index < scanner.scalars.count else { return .open }
            guard scanner.scalars[scanner.index] == scalar else { return .no }
            scanner.index += 1
        }
        return .yes(used: scanner.index)
    }

    /// To the brace that closes the object at hand; false: it has not come.
    private mutating func skipToBrace() -> Bool {
        var depth = 0
        while index < scalars.count {
            switch scalars[index] {
            case "\"":
                guard isStringClosed(index) else { return false }
                index += 1
                while scalars[index] != "\"" { index += scalars[index] == "\\" ? 2 : 1 }
            case "{", "[": depth += 1
            case "}" where depth == 0: return true
            case "}", "]": depth -= 1
            default: break
            }
            index += 1
        }
        return false
    }

    /// Why something was not there: the text ended, or something else stands in its place.
    private var failure: Outcome {
        var scanner = self
        scanner.skipBlanks()
        if scanner.index >= scalars.count { return .open }
        // A string that has no end yet.
        if scalars[scanner.index] == "\"", scanner.string() == nil, !isStringClosed(scanner.index) { return .open }
        return .no
    }

    private func isStringClosed(_ start: Int) -> Bool {
        var index = start + 1
        while index < scalars.count {
            if scalars[index] == "\"" { return true }
            index += scalars[index] == "\\" ? 2 : 1
        }
        return false
    }

    private mutating func skipBlanks() {
        while index < scalars.count, scalars[index].properties.isWhitespace { index += 1 }
    }

    /// White space and this; nothing is taken if it is not there.
    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        let mark = index
        skipBlanks()
        guard index < scalars.count, scalars[index] == scalar else {
            index = mark
            return false
        }
        index += 1
        return true
    }

    /// White space and a string.
    private mutating func string() -> String? {
        let mark = index
        skipBlanks()
        let start = index
        guard index < scalars.count, scalars[index] == "\"", isStringClosed(index) else {
            index = mark
            return nil
        }
        index += 1
        while scalars[index] != "\"" { index += scalars[index] == "\\" ? 2 : 1 }
        index += 1
        let text = String(String.UnicodeScalarView(scalars[start..<index]))
        guard let value = try? JSONValue(parsing: text).stringValue else {
            index = mark
            return nil
        }
        return value
    }
}
