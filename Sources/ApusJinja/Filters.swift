/// What may stand after `|`. The rest of the table is in `Filters+Sequences.swift`.
enum Filters {
    typealias Body = @Sendable (Interpreter, Value, Arguments) throws -> Value

    static let table: [String: Body] = scalars.merging(sequences) { $1 }

    private static let scalars: [String: Body] = [
        "abs": { _, value, _ in
            if case .float(let number) = value { return .float(abs(number)) }
            guard let number = value.integer else { throw TemplateError.type("bad operand type for abs()") }
            return .integer(abs(number))
        },
        "capitalize": { _, value, _ in .string(value.text.pythonCapitalized) },
        "default": fallback, "d": fallback,
        "e": escape, "escape": escape,
        "float": { _, value, arguments in
            if let number = value.number { return .float(number) }
            let text = String(value.text.scalars.stripped())
            return Double(text).map { .float($0) } ?? arguments.value(0, "default") ?? .float(0)
        },
        "format": { _, value, arguments in
            .string(
                try value.text.formatted(
                    arguments.named.isEmpty
                        ? .tuple(arguments.positional)
                        : .dictionary(Dictionary(arguments.named.map { ($0.name, $0.value) }))))
        },
        "indent": { _, value, arguments in .string(try indent(value.text, arguments)) },
        "int": { _, value, arguments in
            switch value {
            case .float(let number) where number.isFinite && abs(number) < 9e18: return .integer(Int(number))
            default:
                if let number = value.integer { return .integer(number) }
                let text = String(value.text.scalars.stripped())
                if let number = Int(text, radix: arguments.value(1, "base")?.integer ?? 10) { return .integer(number) }
                if let number = Double(text), abs(number) < 9e18 { return .integer(Int(number)) }
                return arguments.value(0, "default") ?? .integer(0)
            }
        },
        "lower": { _, value, _ in .string(value.text.lowercased()) },
        "replace": { _, value, arguments in
            let old = (arguments.value(0, "old") ?? .none).text.scalars
            let new = (arguments.value(1, "new") ?? .none).text.scalars
            return .string(
                StringMethods.replaced(value.text, old, with: new, limit: arguments.value(2, "count")?.integer ?? -1))
        },
        "round": { _, value, arguments in .float(try round(value, arguments)) },
        "safe": { _, value, _ in .string(value.text) },
        "string": { _, value, _ in .string(value.text) },
        "title": { _, value, _ in .string(value.text.jinjaTitle) },
        "tojson": { _, value, arguments in
            var json = JSONText(indent: arguments.value(1, "indent")?.integer)
            json.ensuresASCII = arguments.value(0, "ensure_ascii")?.isTrue ?? false
            if case .list(let pair)? = arguments.value(2, "separators"), pair.count == 2 {
                (json.itemSeparator, json.keySeparator) = (pair[0].text, pair[1].text)
            } else if case .tuple(let pair)? = arguments.value(2, "separators"), pair.count == 2 {
                (json.itemSeparator, json.keySeparator) = (pair[0].text, pair[1].text)
            }
            json.sortsKeys = arguments.value(3, "sort_keys")?.isTrue ?? false
            return .string(try json.text(of: value))
        },
        "trim": { _, value, arguments in
            let set: Scalars? =
                if case .string(let text)? = arguments.value(0, "chars") { text.scalars } else { nil }
            return .string(String(value.text.scalars.stripped(set)))
        },
        "upper": { _, value, _ in .string(value.text.uppercased()) },
        "wordcount": { _, value, _ in
            .integer(value.text.unicodeScalars.split { $0.isPythonSpace }.count)
        },
    ]

    private static let fallback: Body = { _, value, arguments in
        let other = arguments.value(0, "default_value") ?? .string("")
        if value.isUndefined { return other }
        return arguments.value(1, "boolean")?.isTrue == true && !value.isTrue ? other : value
    }

    private static let escape: Body = { _, value, _ in
        var out = ""
        for scalar in value.text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "'": out += "&#39;"
            case "\"": out += "&#34;"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return .string(out)
    }

    private static func indent(_ text: String, _ arguments: Arguments) throws -> String {
        let width: String =
            switch arguments.value(0, "width") {
            case .string(let text)?: text
            case let value?: String(repeating: " ", count: max(0, min(value.integer ?? 4, 1_000)))
            case nil: "    "
            }
        let indentsFirst = arguments.value(1, "first")?.isTrue ?? false
        let indentsBlank = arguments.value(2, "blank")?.isTrue ?? false
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let indented = lines.enumerated().map { index, line in
            let isIndented = index == 0 ? indentsFirst : indentsBlank || !line.isEmpty
            return isIndented ? width + line : String(line)
        }
        return indented.joined(separator: "\n")
    }

    private static func round(_ value: Value, _ arguments: Arguments) throws -> Double {
        guard let number = value.number else { throw TemplateError.type("a number is expected") }
        let factor = power(10, Double(arguments.value(0, "precision")?.integer ?? 0))
        switch arguments.value(1, "method")?.text ?? "common" {
        case "common": return (number * factor).rounded(.toNearestOrEven) / factor
        case "ceil": return (number * factor).rounded(.up) / factor
        case "floor": return (number * factor).rounded(.down) / factor
        default: throw TemplateError.type("method must be common, ceil or floor")
        }
    }
}

extension String {
    /// The filter `title`: words begin after white space and `-([{<`.
    fileprivate var jinjaTitle: String {
        var out = ""
        var isInside = false
        for scalar in unicodeScalars {
            out += isInside ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
            isInside = !(scalar.isPythonSpace || "-([{<".unicodeScalars.contains(scalar))
        }
        return out
    }
}
