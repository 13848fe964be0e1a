// x.name, x[index] and x[a:b:c].

extension Value {
    /// x.name: an attribute first, then an item.
    func attribute(_ name: String) throws -> Value {
        switch self {
        case .undefined(let what):
            throw TemplateError.undefined(what)
        case .string(let text):
            if let method = StringMethods.method(name, of: text) { return .function(method) }
        case .dictionary(let dictionary):
            if let method = CollectionMethods.method(name, of: dictionary) { return .function(method) }
            if let value = dictionary[name] { return value }
        case .list(let items), .tuple(let items):
            if let method = CollectionMethods.method(name, of: items) { return .function(method) }
        case .namespace(let namespace):
            if let value = namespace.fields[name] { return value }
        case .loop(let state):
            if let value = state.attribute(name) { return value }
        case .macro(let macro):
            if name == "name" { return .string(macro.definition.name) }
        default: break
        }
        return missing(name)
    }

    /// x[index]: an item first, then an attribute.
    func item(_ index: Value) throws -> Value {
        switch (self, index) {
        case (.undefined(let what), _):
            throw TemplateError.undefined(what)
        case (.dictionary(let dictionary), .string(let key)):
            return try dictionary[key] ?? attribute(key)
        case (.string, .string(let name)), (.list, .string(let name)), (.tuple, .string(let name)),
            (.namespace, .string(let name)), (.loop, .string(let name)):
            return try attribute(name)
        default: break
        }
        guard let index = index.integer else { return missing(index.text) }
        let items: [Value]
        switch self {
        case .list(let all), .tuple(let all): items = all
        case .string, .range: items = try self.items()
        default: return missing(String(index))
        }
        let position = index < 0 ? index + items.count : index
        return items.indices.contains(position) ? items[position] : missing(String(index))
    }

    private func missing(_ name: String) -> Value {
        .undefined("'\(typeName) object' has no attribute '\(name)'")
    }

    /// Python's slice, whose bounds are clipped.
    func slice(from: Int?, to: Int?, step: Int?) throws -> Value {
        if case .undefined(let what) = self { throw TemplateError.undefined(what) }
        switch self {
        case .string, .list, .tuple, .range: break
        default: throw TemplateError.type("'\(typeName)' object is not subscriptable")
        }
        let step = step ?? 1
        guard step != 0 else { throw TemplateError.type("slice step cannot be zero") }
        let all = try items()
        func clipped(_ bound: Int?, _ fallback: Int) -> Int {
            guard let bound else { return fallback }
            let position = bound < 0 ? bound + all.count : bound
            return step > 0 ? min(max(position, 0), all.count) : min(max(position, -1), all.count - 1)
        }
        let first = clipped(from, step > 0 ? 0 : all.count - 1)
        let last = clipped(to, step > 0 ? all.count : -1)
        let picked = stride(from: first, to: last, by: step).map { all[$0] }
        switch self {
        case .string: return .string(picked.map(\.text).joined())
        case .tuple: return .tuple(picked)
        default: return .list(picked)
        }
    }
}

extension LoopState {
    func attribute(_ name: String) -> Value? {
        let count = items.count
        switch name {
        case "index": return .integer(index + 1)
        case "index0": return .integer(index)
        case "revindex": return .integer(count - index)
        case "revindex0": return .integer(count - index - 1)
        case "first": return .bool(index == 0)
        case "last": return .bool(index == count - 1)
        case "length": return .integer(count)
        case "depth": return .integer(depth)
        case "depth0": return .integer(depth - 1)
        case "previtem": return index > 0 ? items[index - 1] : .undefined("there is no previous item")
        case "nextitem": return index + 1 < count ? items[index + 1] : .undefined("there is no next item")
        case "cycle":
            return .function(
                Function("cycle") { [index] arguments in
                    guard !arguments.positional.isEmpty else { throw TemplateError.type("no items for cycling given") }
                    return arguments.positional[index % arguments.positional.count]
                })
        case "changed":
            return .function(
                Function("changed") { arguments in
                    let now = arguments.positional
                    defer { self.lastChanged = now }
                    guard let last = self.lastChanged else { return .bool(true) }
                    return .bool(!Value.list(last).equals(.list(now)))
                })
        default: return nil
        }
    }
}
