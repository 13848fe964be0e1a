// Precedence, loosest first: if/else, or, and, not, comparison, + -, ~, * / // %, **, unary, postfix, filters and tests.

extension Parser {
    mutating func expression() throws -> Expression {
        try nested { try $0.conditionalExpression() }
    }

    /// One expression, or several with commas between them: a tuple.
    mutating func tupleExpression(withCondition: Bool = true) throws -> Expression {
        func one(_ parser: inout Parser) throws -> Expression {
            withCondition ? try parser.expression() : try parser.nested { try $0.disjunction() }
        }
        let first = try one(&self)
        guard isSymbol(",") else { return first }
        var items = [first]
        while take(.symbol(",")) {
            if current == .variableEnd || current == .blockEnd || isSymbol(")") { break }
            items.append(try one(&self))
        }
        return .tuple(items)
    }

    private mutating func conditionalExpression() throws -> Expression {
        var value = try disjunction()
        while take(.name("if")) {
            let test = try disjunction()
            let otherwise = take(.name("else")) ? try expression() : nil
            value = .conditional(test: test, then: value, otherwise: otherwise)
        }
        return value
    }

    private mutating func disjunction() throws -> Expression {
        var left = try conjunction()
        while take(.name("or")) { left = .or(left, try conjunction()) }
        return left
    }

    private mutating func conjunction() throws -> Expression {
        var left = try negation()
        while take(.name("and")) { left = .and(left, try negation()) }
        return left
    }

    private mutating func negation() throws -> Expression {
        if take(.name("not")) { return .unary(.not, try nested { try $0.negation() }) }
        return try comparison()
    }

    private mutating func comparison() throws -> Expression {
        let first = try sum()
        var rest: [Comparand] = []
        while let found = comparisonOperator() { rest.append(Comparand(relation: found, operand: try sum())) }
        return rest.isEmpty ? first : .comparison(first, rest)
    }

    private mutating func comparisonOperator() -> ComparisonOperator? {
        if case .symbol(let text) = current, let found = ComparisonOperator(rawValue: text) {
            advance()
            return found
        }
        if take(.name("in")) { return .isIn }
        if isName("not"), tokens[position + 1].token == .name("in") {
            advance()
            advance()
            return .isNotIn
        }
        return nil
    }

    private mutating func binary(
        _ operators: [String], _ operand: (inout Parser) throws -> Expression
    ) throws -> Expression {
        var left = try operand(&self)
        while case .symbol(let text) = current, operators.contains(text), let found = BinaryOperator(rawValue: text) {
            advance()
            left = .binary(found, left, try operand(&self))
        }
        return left
    }

    private mutating func sum() throws -> Expression {
        try binary(["+", "-"]) { try $0.binary(["~"]) { try $0.product() } }
    }

    private mutating func product() throws -> Expression {
        try binary(["*", "/", "//", "%"]) { try $0.binary(["**"]) { try $0.unary(withFilters: true) } }
    }

    private mutating func unary(withFilters: Bool) throws -> Expression {
        var value: Expression
        if take(.symbol("-")) {
            value = .unary(.minus, try nested { try $0.unary(withFilters: false) })
        } else if take(.symbol("+")) {
            value = .unary(.plus, try nested { try $0.unary(withFilters: false) })
        } else {
            value = try primary()
        }
        value = try postfix(value)
        return withFilters ? try filtersAndTests(value) : value
    }

    private mutating func primary() throws -> Expression {
        let token = current
        switch token {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return .literal(.bool(true))
            case "false", "False": return .literal(.bool(false))
            case "none", "None": return .literal(.none)
            default: return .name(name)
            }
        case .string(var text):
            advance()
            while case .string(let more) = current {
                text += more
                advance()
            }
            return .literal(.string(text))
        case .integer(let value):
            advance()
            return .literal(.integer(value))
        case .float(let value):
            advance()
            return .literal(.float(value))
        case .symbol("("):
            advance()
            if take(.symbol(")")) { return .tuple([]) }
            let inner = try tupleExpression()
            try expect(.symbol(")"))
            return inner
        case .symbol("["):
            advance()
            return .list(try sequence(until: "]") { try $0.expression() })
        case .symbol("{"):
            advance()
            return .dictionary(
                try sequence(until: "}") { parser in
                    let key = try parser.expression()
                    try parser.expect(.symbol(":"))
                    return (key, try parser.expression())
                })
        default:
            throw unexpected()
        }
    }

    private mutating func sequence<Item>(
        until end: String, _ item: (inout Parser) throws -> Item
    ) throws -> [Item] {
        var items: [Item] = []
        while !isSymbol(end) {
            if !items.isEmpty {
                try expect(.symbol(","))
                if isSymbol(end) { break }
            }
            items.append(try item(&self))
        }
        advance()
        return items
    }

    private mutating func postfix(_ start: Expression) throws -> Expression {
        var value = start
        while true {
            if take(.symbol(".")) {
                if case .integer(let index) = current {
                    advance()
                    value = .subscripted(value, .literal(.integer(index)))
                } else {
                    value = .attribute(value, try expectName())
                }
            } else if take(.symbol("[")) {
                value = try subscripted(value)
            } else if isSymbol("(") {
                value = .call(value, try callArguments())
            } else {
                return value
            }
        }
    }

    private mutating func subscripted(_ value: Expression) throws -> Expression {
        var parts: [Expression?] = [nil]
        while !isSymbol("]") {
            if take(.symbol(":")) {
                parts.append(nil)
            } else {
                parts[parts.count - 1] = try tupleExpression()
            }
            guard parts.count <= 3 else { throw unexpected() }
        }
        advance()
        if parts.count == 1 {
            guard let index = parts[0] else { throw unexpected() }
            return .subscripted(value, index)
        }
        return .slice(value, from: parts[0], to: parts[1], step: parts.count > 2 ? parts[2] : nil)
    }

    private mutating func callArguments() throws -> CallArguments {
        try expect(.symbol("("))
        var arguments = CallArguments()
        var isFirst = true
        while !isSymbol(")") {
            if !isFirst {
                try expect(.symbol(","))
                if isSymbol(")") { break }
            }
            isFirst = false
            if take(.symbol("*")) {
                arguments.spread = try expression()
            } else if take(.symbol("**")) {
                arguments.namedSpread = try expression()
            } else if case .name(let name) = current, tokens[position + 1].token == .symbol("=") {
                advance()
                advance()
                arguments.named.append((name, try expression()))
            } else {
                guard arguments.named.isEmpty else { throw unexpected() }
                arguments.positional.append(try expression())
            }
        }
        advance()
        return arguments
    }

    private mutating func filtersAndTests(_ start: Expression) throws -> Expression {
        var value = start
        while true {
            if isSymbol("|") {
                value = try filterChain(value, startsWithPipe: true)
            } else if isName("is") {
                advance()
                value = try test(of: value)
            } else if isSymbol("(") {
                value = .call(value, try callArguments())
            } else {
                return value
            }
        }
    }

    /// `name(arguments) | name …`; with `startsWithPipe` a `|` stands before the first name too.
    mutating func filterChain(_ subject: Expression?, startsWithPipe: Bool = false) throws -> Expression {
        var value = subject
        var needsPipe = startsWithPipe
        while !needsPipe || take(.symbol("|")) {
            needsPipe = true
            let line = line
            var name = try expectName()
            while take(.symbol(".")) { name += "." + (try expectName()) }
            guard Filters.table[name] != nil else {
                throw TemplateError.syntax("No filter named '\(name)'.", line: line)
            }
            value = .filter(value, name: name, isSymbol("(") ? try callArguments() : CallArguments())
        }
        guard let value else { throw unexpected() }
        return value
    }

    private mutating func test(of subject: Expression) throws -> Expression {
        let isNegated = take(.name("not"))
        let line = line
        let name = try expectName()
        guard Tests.table[name] != nil else { throw TemplateError.syntax("No test named '\(name)'.", line: line) }
        var arguments = CallArguments()
        switch current {
        case .symbol("("):
            arguments = try callArguments()
        case .name(let next) where !["else", "or", "and", "is", "if", "in", "not"].contains(next):
            arguments.positional = [try postfix(try primary())]
        case .string, .integer, .float, .symbol("["), .symbol("{"):
            arguments.positional = [try postfix(try primary())]
        default: break
        }
        let test = Expression.test(subject, name: name, arguments)
        return isNegated ? .unary(.not, test) : test
    }
}
