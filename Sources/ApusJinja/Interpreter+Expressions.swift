extension Interpreter {
    func evaluate(_ expression: Expression, in scope: Scope) throws -> Value {
        switch expression {
        case .literal(let value):
            return value
        case .name(let name):
            return scope.lookup(name) ?? .undefined("'\(name)' is undefined")
        case .list(let items):
            return .list(try items.map { try evaluate($0, in: scope) })
        case .tuple(let items):
            return .tuple(try items.map { try evaluate($0, in: scope) })
        case .dictionary(let pairs):
            var dictionary = Dictionary()
            for pair in pairs {
                dictionary[try evaluate(pair.key, in: scope).text] = try evaluate(pair.value, in: scope)
            }
            return .dictionary(dictionary)
        case .attribute(let object, let name):
            return try evaluate(object, in: scope).attribute(name)
        case .subscripted(let object, let index):
            return try evaluate(object, in: scope).item(evaluate(index, in: scope))
        case .slice(let object, let from, let to, let step):
            func bound(_ part: Expression?) throws -> Int? {
                guard let part else { return nil }
                let value = try evaluate(part, in: scope)
                if case .none = value { return nil }
                guard let integer = value.integer else { throw TemplateError.type("slice indices must be integers") }
                return integer
            }
            return try evaluate(object, in: scope).slice(from: bound(from), to: bound(to), step: bound(step))
        case .call(let callee, let arguments):
            return try call(evaluate(callee, in: scope), evaluate(arguments, in: scope))
        case .filter(let subject, let name, let arguments):
            guard let subject else { preconditionFailure("a filter block is applied, not evaluated") }
            return try filter(evaluate(subject, in: scope), name, evaluate(arguments, in: scope))
        case .test(let subject, let name, let arguments):
            return .bool(try test(evaluate(subject, in: scope), name, evaluate(arguments, in: scope)))
        case .unary(let op, let operand):
            return try unary(op, evaluate(operand, in: scope))
        case .binary(let op, let left, let right):
            return try binary(op, evaluate(left, in: scope), evaluate(right, in: scope))
        case .comparison(let first, let rest):
            var left = try evaluate(first, in: scope)
            for comparand in rest {
                let right = try evaluate(comparand.operand, in: scope)
                guard try holds(comparand.relation, left, right) else { return .bool(false) }
                left = right
            }
            return .bool(true)
        case .and(let left, let right):
            let value = try evaluate(left, in: scope)
            return value.isTrue ? try evaluate(right, in: scope) : value
        case .or(let left, let right):
            let value = try evaluate(left, in: scope)
            return value.isTrue ? value : try evaluate(right, in: scope)
        case .conditional(let test, let then, let otherwise):
            if try evaluate(test, in: scope).isTrue { return try evaluate(then, in: scope) }
            guard let otherwise else {
                return .undefined("the inline if-expression evaluated to false and no else section was defined.")
            }
            return try evaluate(otherwise, in: scope)
        }
    }

    /// A chain of filters whose head has no subject of its own, applied to `value`.
    func apply(_ filters: Expression, to value: Value, in scope: Scope) throws -> Value {
        guard case .filter(let subject, let name, let arguments) = filters else {
            preconditionFailure("a filter block holds filters")
        }
        let inner = try subject.map { try apply($0, to: value, in: scope) } ?? value
        return try filter(inner, name, evaluate(arguments, in: scope))
    }

    func filter(_ value: Value, _ name: String, _ arguments: Arguments) throws -> Value {
        guard let body = Filters.table[name] else { throw TemplateError.type("No filter named '\(name)'.") }
        return try body(self, value, arguments)
    }

    func test(_ value: Value, _ name: String, _ arguments: Arguments) throws -> Bool {
        guard let body = Tests.table[name] else { throw TemplateError.type("No test named '\(name)'.") }
        return try body(value, arguments)
    }

    func evaluate(_ arguments: CallArguments, in scope: Scope) throws -> Arguments {
        var values = Arguments(
            try arguments.positional.map { try evaluate($0, in: scope) },
            named: try arguments.named.map { ($0.name, try evaluate($0.value, in: scope)) })
        if let spread = arguments.spread { values.positional += try evaluate(spread, in: scope).items() }
        if let spread = arguments.namedSpread {
            guard case .dictionary(let dictionary) = try evaluate(spread, in: scope) else {
                throw TemplateError.type("argument after ** must be a mapping")
            }
            values.named += dictionary.entries.map { ($0.key, $0.value) }
        }
        return values
    }

    func call(_ callee: Value, _ arguments: Arguments) throws -> Value {
        switch callee {
        case .function(let function): return try function.body(arguments)
        case .macro(let macro): return try call(macro, arguments)
        case .loop(let state):
            guard let recurse = state.recurse, let items = arguments.positional.first else {
                throw TemplateError.type("the loop is not recursive")
            }
            callDepth += 1
            defer { callDepth -= 1 }
            guard callDepth <= Self.maximumCallDepth else { throw TemplateError.limit("a loop recurses too deeply") }
            return try recurse(items)
        case .undefined(let what): throw TemplateError.undefined(what)
        default: throw TemplateError.type("'\(callee.typeName)' object is not callable")
        }
    }

    private func unary(_ op: UnaryOperator, _ value: Value) throws -> Value {
        switch (op, value) {
        case (.not, _): return .bool(!value.isTrue)
        case (_, .undefined(let what)): throw TemplateError.undefined(what)
        case (_, .float(let number)): return .float(op == .minus ? -number : number)
        default:
            guard let number = value.integer else { throw TemplateError.type("bad operand type: '\(value.typeName)'") }
            return .integer(op == .minus ? 0 &- number : number)
        }
    }

    private func holds(_ op: ComparisonOperator, _ left: Value, _ right: Value) throws -> Bool {
        switch op {
        case .equal: left.equals(right)
        case .notEqual: !left.equals(right)
        case .less: try left.isLess(than: right)
        case .greater: try right.isLess(than: left)
        case .lessOrEqual: try left.isLess(than: right) || left.equals(right)
        case .greaterOrEqual: try right.isLess(than: left) || left.equals(right)
        case .isIn: try left.isContained(in: right)
        case .isNotIn: try !left.isContained(in: right)
        }
    }

    private func binary(_ op: BinaryOperator, _ left: Value, _ right: Value) throws -> Value {
        if op == .concatenate { return .string(left.text + right.text) }
        switch (op, left, right) {
        case (_, .undefined(let what), _), (_, _, .undefined(let what)): throw TemplateError.undefined(what)
        case (.add, .string(let a), .string(let b)): return .string(a + b)
        case (.add, .list(let a), .list(let b)): return .list(a + b)
        case (.add, .tuple(let a), .tuple(let b)): return .tuple(a + b)
        case (.multiply, .string(let text), _): return .string(try text.repeated(right))
        case (.multiply, _, .string(let text)): return .string(try text.repeated(left))
        case (.multiply, .list(let items), _) where right.integer != nil:
            let count = max(0, right.integer ?? 0)
            guard items.count * count <= Globals.maximumRange else {
                throw TemplateError.limit("a list grows too long")
            }
            return .list(Array(repeatElement(items, count: count).joined()))
        case (.modulo, .string(let format), _): return .string(try format.formatted(right))
        default: break
        }
        if let a = left.integer, let b = right.integer, let value = try integerResult(op, a, b) {
            return .integer(value)
        }
        guard let a = left.number, let b = right.number else {
            throw TemplateError.type(
                "unsupported operand type(s) for \(op.rawValue): '\(left.typeName)' and '\(right.typeName)'")
        }
        return .float(try floatResult(op, a, b))
    }

    /// nil where Python's result is a float.
    private func integerResult(_ op: BinaryOperator, _ a: Int, _ b: Int) throws -> Int? {
        func checked(_ result: (partialValue: Int, overflow: Bool)) throws -> Int {
            guard !result.overflow else { throw TemplateError.limit("a number is too large") }
            return result.partialValue
        }
        switch op {
        case .add: return try checked(a.addingReportingOverflow(b))
        case .subtract: return try checked(a.subtractingReportingOverflow(b))
        case .multiply: return try checked(a.multipliedReportingOverflow(by: b))
        case .floorDivide, .modulo:
            guard b != 0 else { throw TemplateError.type("integer division or modulo by zero") }
            guard b != -1 else { return op == .modulo ? 0 : try checked(0.subtractingReportingOverflow(a)) }
            let floorsDown = a % b != 0 && (a < 0) != (b < 0)
            return op == .modulo ? a % b + (floorsDown ? b : 0) : a / b - (floorsDown ? 1 : 0)
        case .power:
            guard b >= 0 else { return nil }
            guard a.magnitude > 1 else { return a == -1 && b % 2 == 0 ? 1 : (b == 0 ? 1 : a) }
            var value = 1
            for _ in 0..<b { value = try checked(value.multipliedReportingOverflow(by: a)) }
            return value
        case .divide, .concatenate: return nil
        }
    }

    private func floatResult(_ op: BinaryOperator, _ a: Double, _ b: Double) throws -> Double {
        switch op {
        case .add: return a + b
        case .subtract: return a - b
        case .multiply: return a * b
        case .power: return power(a, b)
        case .divide, .floorDivide, .modulo:
            guard b != 0 else { throw TemplateError.type("division by zero") }
            if op == .divide { return a / b }
            if op == .floorDivide { return (a / b).rounded(.down) }
            let remainder = a.truncatingRemainder(dividingBy: b)
            return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder
        case .concatenate: preconditionFailure("joined as text before")
        }
    }
}

extension String {
    fileprivate func repeated(_ count: Value) throws -> String {
        guard let count = count.integer else {
            throw TemplateError.type("can't multiply sequence by non-int of type '\(count.typeName)'")
        }
        guard count <= 0 || utf8.count <= Interpreter.maximumOutput / count else {
            throw TemplateError.limit("a string grows too long")
        }
        return String(repeating: self, count: max(0, count))
    }
}
