// Python's own views of a value: truth, equality, order, str() and repr().

extension Value {
    var isUndefined: Bool {
        if case .undefined = self { return true }
        return false
    }

    /// bool(x)
    package var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .float(let value): value != 0
        case .string(let value): !value.isEmpty
        case .list(let items), .tuple(let items): !items.isEmpty
        case .dictionary(let dictionary): !dictionary.entries.isEmpty
        case .range(let first, let last, let step): rangeCount(first, last, step) > 0
        case .namespace, .macro, .function, .loop: true
        }
    }

    /// Python's name of the type, for messages.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .integer: "int"
        case .float: "float"
        case .string: "str"
        case .list: "list"
        case .tuple: "tuple"
        case .dictionary: "dict"
        case .range: "range"
        case .namespace: "Namespace"
        case .macro: "Macro"
        case .function: "function"
        case .loop: "LoopContext"
        }
    }

    /// A number as Python sees it: booleans count as 0 and 1.
    var number: Double? {
        switch self {
        case .bool(let value): value ? 1 : 0
        case .integer(let value): Double(value)
        case .float(let value): value
        default: nil
        }
    }

    /// An integer as Python sees it: booleans count as 0 and 1.
    var integer: Int? {
        switch self {
        case .bool(let value): value ? 1 : 0
        case .integer(let value): value
        default: nil
        }
    }

    /// x == y
    func equals(_ other: Value) -> Bool {
        switch (self, other) {
        case (.undefined, .undefined), (.none, .none): true
        case (.string(let a), .string(let b)): a.unicodeScalars.elementsEqual(b.unicodeScalars)
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
            a.count == b.count && zip(a, b).allSatisfy { $0.equals($1) }
        case (.dictionary(let a), .dictionary(let b)):
            a.entries.count == b.entries.count
                && a.entries.allSatisfy { entry in b[entry.key].map { $0.equals(entry.value) } ?? false }
        case (.range(let a, let b, let c), .range(let d, let e, let f)): (a, b, c) == (d, e, f)
        case (.namespace(let a), .namespace(let b)): a === b
        case (.macro(let a), .macro(let b)): a === b
        default:
            if let a = integer, let b = other.integer {
                a == b
            } else if let a = number, let b = other.number {
                a == b
            } else {
                false
            }
        }
    }

    /// x < y, where Python defines it.
    func isLess(than other: Value) throws -> Bool {
        switch (self, other) {
        case (.string(let a), .string(let b)):
            return a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars)
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
            for (x, y) in zip(a, b) where !x.equals(y) { return try x.isLess(than: y) }
            return a.count < b.count
        case (.undefined(let what), _), (_, .undefined(let what)):
            throw TemplateError.undefined(what)
        default:
            if let a = integer, let b = other.integer { return a < b }
            guard let a = number, let b = other.number else {
                throw TemplateError.type(
                    "'<' not supported between instances of '\(typeName)' and '\(other.typeName)'")
            }
            return a < b
        }
    }

    /// str(x)
    package var text: String {
        switch self {
        case .undefined: ""
        case .string(let value): value
        default: representation
        }
    }

    /// repr(x)
    var representation: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "None"
        case .bool(let value): value ? "True" : "False"
        case .integer(let value): String(value)
        case .float(let value): pythonText(of: value)
        case .string(let value): quoted(value)
        case .list(let items): "[" + items.map(\.representation).joined(separator: ", ") + "]"
        case .tuple(let items):
            items.count == 1
                ? "(\(items[0].representation),)" : "(" + items.map(\.representation).joined(separator: ", ") + ")"
        case .dictionary(let dictionary):
            "{" + dictionary.entries.map { "\(quoted($0.key)): \($0.value.representation)" }.joined(separator: ", ")
                + "}"
        case .range(let first, let last, let step):
            step == 1 ? "range(\(first), \(last))" : "range(\(first), \(last), \(step))"
        case .namespace(let namespace): "<Namespace \(Value.dictionary(namespace.fields).representation)>"
        case .macro(let macro): "<Macro \(quoted(macro.definition.name))>"
        case .function(let function): "<function \(function.name)>"
        case .loop(let state): "<LoopContext \(state.index + 1)/\(state.items.count)>"
        }
    }

    /// The items that iterating over the value gives; of a mapping, its keys.
    func items() throws -> [Value] {
        switch self {
        case .undefined: return []
        case .list(let items), .tuple(let items): return items
        case .string(let value): return value.unicodeScalars.map { .string(String($0)) }
        case .dictionary(let dictionary): return dictionary.entries.map { .string($0.key) }
        case .range(let first, let last, let step):
            return stride(from: first, to: last, by: step).map { .integer($0) }
        case .loop(let state):
            return state.items
        default:
            throw TemplateError.type("'\(typeName)' object is not iterable")
        }
    }

    /// len(x)
    func count() throws -> Int {
        switch self {
        case .undefined: return 0
        case .string(let value): return value.unicodeScalars.count
        case .list(let items), .tuple(let items): return items.count
        case .dictionary(let dictionary): return dictionary.entries.count
        case .range(let first, let last, let step): return rangeCount(first, last, step)
        default: throw TemplateError.type("object of type '\(typeName)' has no len()")
        }
    }

    /// x in container
    func isContained(in container: Value) throws -> Bool {
        switch container {
        case .undefined: return false
        case .string(let whole):
            guard case .string(let part) = self else {
                throw TemplateError.type("'in <string>' requires string as left operand, not \(typeName)")
            }
            return part.isEmpty || whole.scalars.firstRange(of: part.scalars, from: 0) != nil
        case .dictionary(let dictionary):
            switch self {
            case .string(let key): return dictionary[key] != nil
            case .list, .dictionary: throw TemplateError.type("unhashable type: '\(typeName)'")
            default: return false
            }
        default:
            return try container.items().contains { $0.equals(self) }
        }
    }
}

private func rangeCount(_ first: Int, _ last: Int, _ step: Int) -> Int {
    step > 0 ? max(0, (last - first + step - 1) / step) : max(0, (first - last - step - 1) / -step)
}

/// repr() of a float: the shortest text that reads back equal, in exponent form from 1e16 on and below 1e-4.
func pythonText(of value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    let text = value.description
    // Swift writes integral values up to 2^54 in full; Python stops at 1e16.
    guard value.magnitude >= 1e16, !text.contains("e"), let dot = text.firstIndex(of: ".") else { return text }
    let sign = value < 0 ? "-" : ""
    let digits = text[..<dot].drop { $0 == "-" }
    var mantissa = digits.dropFirst()
    while mantissa.last == "0" { mantissa.removeLast() }
    return sign + digits.prefix(1) + (mantissa.isEmpty ? "" : ".\(mantissa)") + "e+\(digits.count - 1)"
}

/// repr() of a string.
private func quoted(_ value: String) -> String {
    let quote: Unicode.Scalar = value.unicodeScalars.contains("'") && !value.unicodeScalars.contains("\"") ? "\"" : "'"
    var out = String(quote)
    for scalar in value.unicodeScalars {
        switch scalar {
        case quote, "\\": out += "\\\(scalar)"
        case "\n": out += "\\n"
        case "\r": out += "\\r"
        case "\t": out += "\\t"
        default:
            if isPrintable(scalar) {
                out.unicodeScalars.append(scalar)
            } else {
                let (mark, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x1_0000 ? ("u", 4) : ("U", 8)
                let digits = String(scalar.value, radix: 16)
                out += "\\\(mark)\(String(repeating: "0", count: width - digits.count))\(digits)"
            }
        }
    }
    return out + String(quote)
}

/// str.isprintable() of one character.
private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    if scalar == " " { return true }
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
        .spaceSeparator:
        return false
    default: return true
    }
}
