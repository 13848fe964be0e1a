/// The filter `tojson` as transformers sets it: Python's `json.dumps(x, ensure_ascii=False, …)`.
struct JSONText {
    var indent: String?
    var itemSeparator: String
    var keySeparator = ": "
    var sortsKeys = false
    var ensuresASCII = false

    /// Python writes no blank after a comma that ends a line.
    init(indent: Int?) {
        self.indent = indent.map { String(repeating: " ", count: max(0, min($0, 64))) }
        itemSeparator = indent == nil ? ", " : ","
    }

    func text(of value: Value) throws -> String {
        var out = ""
        try write(value, to: &out, level: 0)
        return out
    }

    private func write(_ value: Value, to out: inout String, level: Int) throws {
        guard level < 200 else { throw TemplateError.limit("a value is nested too deeply for JSON") }
        switch value {
        case .none: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .integer(let value): out += String(value)
        case .float(let value):
            out +=
                value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : pythonText(of: value)
        case .string(let text): write(text, to: &out)
        case .list(let items), .tuple(let items):
            try write(items.count, between: ("[", "]"), to: &out, level: level) { index, out in
                try write(items[index], to: &out, level: level + 1)
            }
        case .dictionary(let dictionary):
            var entries = dictionary.entries
            if sortsKeys {
                entries.sort { $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars) }
            }
            try write(entries.count, between: ("{", "}"), to: &out, level: level) { index, out in
                write(entries[index].key, to: &out)
                out += keySeparator
                try write(entries[index].value, to: &out, level: level + 1)
            }
        case .undefined, .range, .namespace, .macro, .function, .loop:
            throw TemplateError.type("Object of type \(value.typeName) is not JSON serializable")
        }
    }

    private func write(
        _ count: Int, between brackets: (String, String), to out: inout String, level: Int,
        _ item: (Int, inout String) throws -> Void
    ) throws {
        out += brackets.0
        for index in 0..<count {
            if index > 0 { out += itemSeparator }
            newline(level + 1, &out)
            try item(index, &out)
        }
        if count > 0 { newline(level, &out) }
        out += brackets.1
    }

    private func newline(_ level: Int, _ out: inout String) {
        guard let indent else { return }
        out += "\n" + String(repeating: indent, count: level)
    }

    private func write(_ text: String, to out: inout String) {
        out += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\u{8}": out += "\\b"
            case "\u{C}": out += "\\f"
            case _ where scalar.value < 0x20 || (ensuresASCII && scalar.value > 0x7E):
                for unit in UTF16.encode(scalar)! {
                    let digits = String(unit, radix: 16)
                    out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }
}
