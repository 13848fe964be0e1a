/// Statements of a template; expressions are in `Parser+Expressions.swift`.
struct Parser {
    var tokens: [PlacedToken]
    var position = 0
    /// Nesting of blocks and expressions, bounded so that a hostile template cannot exhaust the stack.
    var depth = 0
    static let maximumDepth = 100

    static func statements(of template: String) throws -> [Statement] {
        var parser = Parser(tokens: try Lexer.tokens(of: template))
        let body = try parser.body(until: [])
        guard parser.current == .end else { throw parser.unexpected() }
        return body
    }

    var current: Token { tokens[position].token }
    var line: Int { tokens[position].line }

    mutating func advance() {
        if position + 1 < tokens.count { position += 1 }
    }

    func isSymbol(_ symbol: String) -> Bool { current == .symbol(symbol) }
    func isName(_ name: String) -> Bool { current == .name(name) }

    mutating func take(_ token: Token) -> Bool {
        guard current == token else { return false }
        advance()
        return true
    }

    mutating func expect(_ token: Token) throws {
        guard take(token) else { throw unexpected() }
    }

    mutating func expectName() throws -> String {
        guard case .name(let name) = current else { throw unexpected() }
        advance()
        return name
    }

    func unexpected() -> TemplateError {
        let found =
            switch current {
            case .name(let text), .symbol(let text): "'\(text)'"
            case .string, .integer, .float: "a literal"
            case .blockEnd: "'%}'"
            case .variableEnd: "'}}'"
            case .blockBegin: "'{%'"
            case .variableBegin: "'{{'"
            case .data: "text"
            case .end: "the end of the template"
            }
        return .syntax("unexpected \(found)", line: line)
    }

    mutating func nested<Result>(_ body: (inout Parser) throws -> Result) throws -> Result {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw TemplateError.syntax("nested too deeply", line: line) }
        return try body(&self)
    }

    /// Statements up to a block tag of one of the names; its `{%` and name are left to be read.
    mutating func body(until ends: Set<String>) throws -> [Statement] {
        try nested { parser in
            var statements: [Statement] = []
            while true {
                switch parser.current {
                case .end:
                    guard ends.isEmpty else { throw parser.unexpected() }
                    return statements
                case .data(let text):
                    parser.advance()
                    statements.append(.text(text))
                case .variableBegin:
                    parser.advance()
                    statements.append(.output(try parser.tupleExpression()))
                    try parser.expect(.variableEnd)
                case .blockBegin:
                    if case .name(let name) = parser.tokens[parser.position + 1].token, ends.contains(name) {
                        return statements
                    }
                    parser.advance()
                    statements.append(try parser.statement())
                default:
                    throw parser.unexpected()
                }
            }
        }
    }

    /// `{% name %}`, which ends a body.
    private mutating func end(_ name: String) throws {
        try expect(.blockBegin)
        try expect(.name(name))
        try expect(.blockEnd)
    }

    private mutating func statement() throws -> Statement {
        let line = line
        let name = try expectName()
        switch name {
        case "if": return try conditional()
        case "for": return try loop()
        case "set": return try set()
        case "macro":
            return .macro(try macroDefinition(name: try expectName(), end: "endmacro"))
        case "call": return try callBlock()
        case "filter":
            let filters = try filterChain(nil)
            try expect(.blockEnd)
            let inner = try body(until: ["endfilter"])
            try end("endfilter")
            return .filterBlock(filters, body: inner)
        case "with": return try with()
        case "generation":
            try expect(.blockEnd)
            let inner = try body(until: ["endgeneration"])
            try end("endgeneration")
            return .group(inner)
        case "break", "continue":
            try expect(.blockEnd)
            return name == "break" ? .breakLoop : .continueLoop
        case "include", "import", "from", "extends", "block":
            throw TemplateError.syntax("'\(name)' is not supported: a chat template is one file", line: line)
        default:
            throw TemplateError.syntax("Encountered unknown tag '\(name)'.", line: line)
        }
    }

    private mutating func conditional() throws -> Statement {
        var branches: [(test: Expression, body: [Statement])] = []
        var otherwise: [Statement] = []
        let ends: Set<String> = ["elif", "else", "endif"]
        var isElse = false
        repeat {
            if isElse {
                try expect(.blockEnd)
                otherwise = try body(until: ["endif"])
            } else {
                let test = try tupleExpression()
                try expect(.blockEnd)
                branches.append((test, try body(until: ends)))
            }
            try expect(.blockBegin)
            isElse = isName("else")
        } while take(.name("elif")) || take(.name("else"))
        try expect(.name("endif"))
        try expect(.blockEnd)
        return .conditional(branches, otherwise: otherwise)
    }

    private mutating func loop() throws -> Statement {
        let target = try assignmentTarget()
        try expect(.name("in"))
        let iterable = try tupleExpression(withCondition: false)
        let condition = take(.name("if")) ? try expression() : nil
        let isRecursive = take(.name("recursive"))
        try expect(.blockEnd)
        let inner = try body(until: ["else", "endfor"])
        var otherwise: [Statement] = []
        if case .name("else") = tokens[position + 1].token {
            advance()
            advance()
            try expect(.blockEnd)
            otherwise = try body(until: ["endfor"])
        }
        try end("endfor")
        return .loop(
            Loop(
                target: target, iterable: iterable, condition: condition, isRecursive: isRecursive, body: inner,
                otherwise: otherwise))
    }

    private mutating func set() throws -> Statement {
        var targets = [try assignmentTarget()]
        if case .name(let space) = tokens[position - 1].token, case .name = targets[0], take(.symbol(".")) {
            targets = [.attribute(space, try expectName())]
        }
        if take(.symbol("=")) {
            let value = try tupleExpression()
            try expect(.blockEnd)
            return .set(targets, value)
        }
        let filters = isSymbol("|") ? try filterChain(nil, startsWithPipe: true) : nil
        try expect(.blockEnd)
        let inner = try body(until: ["endset"])
        try end("endset")
        return .setBlock(targets[0], filters: filters, body: inner)
    }

    private mutating func with() throws -> Statement {
        var bindings: [(target: AssignmentTarget, value: Expression)] = []
        while current != .blockEnd {
            if !bindings.isEmpty { try expect(.symbol(",")) }
            let target = try assignmentTarget(allowsTuple: false)
            try expect(.symbol("="))
            bindings.append((target, try expression()))
        }
        try expect(.blockEnd)
        let inner = try body(until: ["endwith"])
        try end("endwith")
        return .with(bindings, body: inner)
    }

    private mutating func callBlock() throws -> Statement {
        var parameters: [(name: String, fallback: Expression?)] = []
        if isSymbol("(") { parameters = try macroParameters() }
        let call = try expression()
        guard case .call = call else { throw TemplateError.syntax("expected call", line: line) }
        try expect(.blockEnd)
        let inner = try body(until: ["endcall"])
        try end("endcall")
        return .callBlock(caller: MacroDefinition(name: "caller", parameters: parameters, body: inner), call: call)
    }

    private mutating func macroDefinition(name: String, end closing: String) throws -> MacroDefinition {
        let parameters = try macroParameters()
        try expect(.blockEnd)
        let inner = try body(until: [closing])
        try end(closing)
        return MacroDefinition(name: name, parameters: parameters, body: inner)
    }

    private mutating func macroParameters() throws -> [(name: String, fallback: Expression?)] {
        try expect(.symbol("("))
        var parameters: [(name: String, fallback: Expression?)] = []
        while !isSymbol(")") {
            if !parameters.isEmpty { try expect(.symbol(",")) }
            let name = try expectName()
            parameters.append((name, take(.symbol("=")) ? try expression() : nil))
        }
        advance()
        return parameters
    }

    /// `a` or `a, b` or `(a, b)`.
    private mutating func assignmentTarget(allowsTuple: Bool = true) throws -> AssignmentTarget {
        func single(_ parser: inout Parser) throws -> AssignmentTarget {
            if parser.take(.symbol("(")) {
                let inner = try parser.assignmentTarget()
                try parser.expect(.symbol(")"))
                return inner
            }
            return .name(try parser.expectName())
        }
        var targets = [try single(&self)]
        while allowsTuple, take(.symbol(",")) { targets.append(try single(&self)) }
        return targets.count == 1 ? targets[0] : .tuple(targets)
    }
}
