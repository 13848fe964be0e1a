/// A value of the template language, with Python's meaning.
package indirect enum Value: Sendable {
    /// A name or attribute that is not there; carries what was looked for. Prints as nothing, is false, and iterates as empty.
    case undefined(String)
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case string(String)
    case list([Value])
    case tuple([Value])
    case dictionary(Dictionary)
    case range(first: Int, last: Int, step: Int)
    /// Assignable from inside loops: the one value with identity.
    case namespace(Namespace)
    case macro(Macro)
    /// Something of the host or of the language that can be called: a global, or a method bound to its receiver.
    case function(Function)
    case loop(LoopState)
}

/// A mapping that keeps the order of insertion. Keys are strings, as in JSON.
package struct Dictionary: Sendable {
    package private(set) var entries: [(key: String, value: Value)] = []
    private var index: [String: Int] = [:]

    package init(_ entries: some Sequence<(String, Value)> = []) {
        for (key, value) in entries { self[key] = value }
    }

    package subscript(key: String) -> Value? {
        get { index[key].map { entries[$0].value } }
        set {
            guard let newValue else { return }
            if let position = index[key] {
                entries[position].value = newValue
            } else {
                index[key] = entries.count
                entries.append((key, newValue))
            }
        }
    }
}

/// What `namespace(...)` makes. One rendering is done by one thread, and a namespace never leaves its rendering.
package final class Namespace: @unchecked Sendable {
    var fields: Dictionary

    init(_ fields: Dictionary) {
        self.fields = fields
    }
}

/// Arguments of a call.
package struct Arguments: Sendable {
    package var positional: [Value] = []
    package var named: [(name: String, value: Value)] = []

    package init(_ positional: [Value] = [], named: [(name: String, value: Value)] = []) {
        self.positional = positional
        self.named = named
    }

    /// The argument at a position or of a name.
    package func value(_ position: Int, _ name: String) -> Value? {
        if position < positional.count { return positional[position] }
        return named.first { $0.name == name }?.value
    }
}

/// A callable of the host.
package struct Function: Sendable {
    package let name: String
    package let body: @Sendable (Arguments) throws -> Value

    package init(_ name: String, _ body: @escaping @Sendable (Arguments) throws -> Value) {
        self.name = name
        self.body = body
    }
}

/// A `{% macro %}` with the scope that it was defined in. Confined to one rendering, hence to one thread.
package final class Macro: @unchecked Sendable {
    let definition: MacroDefinition
    let scope: Scope

    init(definition: MacroDefinition, scope: Scope) {
        self.definition = definition
        self.scope = scope
    }
}

/// The variable `loop`. Confined to one rendering, hence to one thread.
package final class LoopState: @unchecked Sendable {
    let items: [Value]
    let depth: Int
    var index = 0
    /// Last argument of `loop.changed`.
    var lastChanged: [Value]?
    /// Renders the loop's body over other items, for `{% for … recursive %}`.
    let recurse: ((Value) throws -> Value)?

    init(items: [Value], depth: Int, recurse: ((Value) throws -> Value)?) {
        self.items = items
        self.depth = depth
        self.recurse = recurse
    }
}
