/// Walks the statements of one rendering.
final class Interpreter {
    /// Most bytes that one rendering may make: a template loops over what clients send.
    static let maximumOutput = 64 << 20
    static let maximumCallDepth = 64

    private var output = ""
    var callDepth = 0
    private var loopDepth = 0

    enum Flow {
        case next
        case breakLoop
        case continueLoop
    }

    func render(_ statements: [Statement], in scope: Scope) throws -> String {
        let outer = output
        output = ""
        defer { output = outer }
        _ = try run(statements, in: scope)
        return output
    }

    private func write(_ text: String) throws {
        output += text
        guard output.utf8.count <= Self.maximumOutput else {
            throw TemplateError.limit("the template makes more than \(Self.maximumOutput) bytes")
        }
    }

    private func run(_ statements: [Statement], in scope: Scope) throws -> Flow {
        for statement in statements {
            let flow = try run(statement, in: scope)
            if flow != .next { return flow }
        }
        return .next
    }

    private func run(_ statement: Statement, in scope: Scope) throws -> Flow {
        switch statement {
        case .text(let text):
            try write(text)
        case .output(let expression):
            try write(evaluate(expression, in: scope).text)
        case .conditional(let branches, let otherwise):
            for branch in branches where try evaluate(branch.test, in: scope).isTrue {
                return try run(branch.body, in: scope)
            }
            return try run(otherwise, in: scope)
        case .loop(let loop):
            try run(loop, over: evaluate(loop.iterable, in: scope), in: scope)
        case .set(let targets, let expression):
            let value = try evaluate(expression, in: scope)
            for target in targets { try assign(value, to: target, in: scope) }
        case .setBlock(let target, let filters, let body):
            var value = Value.string(try render(body, in: Scope(parent: scope)))
            if let filters { value = try apply(filters, to: value, in: scope) }
            try assign(value, to: target, in: scope)
        case .macro(let definition):
            scope.set(definition.name, .macro(Macro(definition: definition, scope: scope)))
        case .callBlock(let caller, let call):
            guard case .call(let callee, let arguments) = call else { preconditionFailure("a call block holds a call") }
            var values = try evaluate(arguments, in: scope)
            values.named.append(("caller", .macro(Macro(definition: caller, scope: scope))))
            try write(self.call(evaluate(callee, in: scope), values).text)
        case .filterBlock(let filters, let body):
            let text = try render(body, in: Scope(parent: scope))
            try write(apply(filters, to: .string(text), in: scope).text)
        case .with(let bindings, let body):
            let inner = Scope(parent: scope)
            for binding in bindings { try assign(evaluate(binding.value, in: scope), to: binding.target, in: inner) }
            return try run(body, in: inner)
        case .group(let body):
            return try run(body, in: Scope(parent: scope))
        case .breakLoop:
            return .breakLoop
        case .continueLoop:
            return .continueLoop
        }
        return .next
    }

    private func run(_ loop: Loop, over iterable: Value, in scope: Scope) throws {
        var items = try iterable.items()
        if let condition = loop.condition {
            items = try items.filter { item in
                let inner = Scope(parent: scope)
                try assign(item, to: loop.target, in: inner)
                return try evaluate(condition, in: inner).isTrue
            }
        }
        loopDepth += 1
        defer { loopDepth -= 1 }
        guard loopDepth <= Self.maximumCallDepth else { throw TemplateError.limit("loops are nested too deeply") }
        let recurse: ((Value) throws -> Value)? =
            loop.isRecursive
            ? { [unowned self] inner in
                let outer = output
                output = ""
                defer { output = outer }
                try run(loop, over: inner, in: scope)
                return .string(output)
            } : nil
        let state = LoopState(items: items, depth: loopDepth, recurse: recurse)
        for (index, item) in items.enumerated() {
            state.index = index
            let inner = Scope(parent: scope)
            inner.set("loop", .loop(state))
            try assign(item, to: loop.target, in: inner)
            if try run(loop.body, in: inner) == .breakLoop { break }
        }
        if items.isEmpty { _ = try run(loop.otherwise, in: Scope(parent: scope)) }
    }

    private func assign(_ value: Value, to target: AssignmentTarget, in scope: Scope) throws {
        switch target {
        case .name(let name):
            scope.set(name, value)
        case .tuple(let targets):
            let items = try value.items()
            guard items.count == targets.count else {
                throw TemplateError.type("cannot unpack \(items.count) values into \(targets.count) names")
            }
            for (inner, item) in zip(targets, items) { try assign(item, to: inner, in: scope) }
        case .attribute(let name, let field):
            guard case .namespace(let namespace)? = scope.lookup(name) else {
                throw TemplateError.type("cannot assign attribute on non-namespace object")
            }
            namespace.fields[field] = value
        }
    }

    /// Renders the body of a macro with its arguments.
    func call(_ macro: Macro, _ arguments: Arguments) throws -> Value {
        callDepth += 1
        defer { callDepth -= 1 }
        guard callDepth <= Self.maximumCallDepth else { throw TemplateError.limit("macros call each other too deeply") }
        let definition = macro.definition
        let scope = Scope(parent: macro.scope)
        var named = arguments.named
        for (index, parameter) in definition.parameters.enumerated() {
            if index < arguments.positional.count {
                scope.set(parameter.name, arguments.positional[index])
            } else if let position = named.firstIndex(where: { $0.name == parameter.name }) {
                scope.set(parameter.name, named.remove(at: position).value)
            } else if let fallback = parameter.fallback {
                scope.set(parameter.name, try evaluate(fallback, in: scope))
            } else {
                scope.set(parameter.name, .undefined("parameter '\(parameter.name)' was not provided"))
            }
        }
        if let position = named.firstIndex(where: { $0.name == "caller" }) {
            scope.set("caller", named.remove(at: position).value)
        }
        scope.set("varargs", .tuple(Array(arguments.positional.dropFirst(definition.parameters.count))))
        scope.set("kwargs", .dictionary(Dictionary(named.map { ($0.name, $0.value) })))
        return .string(try render(definition.body, in: scope))
    }
}
